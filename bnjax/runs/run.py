"""Runs from their configs to their last records. Imports JAX when there is something to train."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bnjax.errors import UserError
from bnjax.files import check_writable
from bnjax.process.signals import held_signals
from bnjax.runs.hosts import ALONE, Hosts, LostError
from bnjax.runs.lock import locked
from bnjax.runs.recording.recorder import Recorder, finished_summary
from bnjax.settings.config import Config, values_with
from bnjax.settings.fields import Role
from bnjax.settings.identity import identity

if TYPE_CHECKING:
    from bnjax.data import Dataset
    from bnjax.process.progress import Progress
    from bnjax.runs.recording.movie import Movie
    from bnjax.runs.training import Training
    from bnjax.train.programs.shared import Programs

#: What XLA's errors of too little memory start with.
_OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"
#: What errors say where another process of several has ended: of collectives and of the coordinator.
_OF_OTHERS = ("Gloo", "NCCL", "coordination service", "Connection reset", "Connection closed")
#: Packages that have to be of one version on all hosts.
_ALIKE = ("bnjax", "jax", "jaxlib", "flax", "optax", "numpy")


class DeviceError(UserError):
    """The device refused to go on."""


class OutOfMemoryError(DeviceError):
    """The device has too little memory."""


class EngineError(UserError):
    """The cluster refused to take jobs."""


def train_run(
    config: Config,
    recorder: Recorder,
    progress: "Callable[[int, int], Progress]",
    movies: "Sequence[Movie]" = (),
    programs: "Programs | None" = None,
    gated: bool = False,
    hosts: Hosts = ALONE,
    advises: bool = True,
) -> str:
    """Trains a resolved config and records it, from where an earlier attempt was cut.

    Args:
      progress: makes the progress bar, from the number of steps and of epochs.
      movies: they get a frame for each epoch and are saved at the end, an early one too.
      programs: those that other runs of this process have compiled.
      gated: whether its program serves runs of other placements, rates and slopes too.
      hosts: the processes that train it together; the first of them alone writes.
      advises: whether a line on stderr says at the end what its records show.

    Returns:
      ``done`` or ``diverged``.

    Raises:
      LostError: of several hosts, one has ended.
    """
    started = time.perf_counter()
    folder = recorder.path.parent
    if hosts.first:
        check_writable(folder)  # before hours of decoding
    dataset = load_images(config)
    from bnjax.process.backend import configure_backend

    with held_signals():  # neither imports nor XLA are exception-safe under signals
        configure_backend()
        from bnjax.runs.attempt import train_alone
        from bnjax.runs.training import prepare
    with device_errors():
        with held_signals():
            run = prepare(config, dataset, movies, programs, gated, hosts)
        with locked(folder) if hosts.first else contextlib.nullcontext():
            ended = hosts.of_first(finished_summary(config) if hosts.first else None)
            if ended:  # by another process, meanwhile
                return ended["status"]
            check_alike(run)
            return train_alone(run, recorder, progress, started, advises)


def load_images(config: Config) -> "Dataset":
    """The images of a run; imports no JAX, so that absent data is reported at once."""
    from bnjax.data import load_dataset

    return load_dataset(config, *config.images())


def check_alike(run: "Training") -> None:
    """Compares what several hosts have to begin with in common.

    Raises:
      HostsError: names what differs.
    """
    if run.hosts.count == 1:
        return
    from bnjax.runs.recording.run_record import versions
    from bnjax.train.state import digest

    settings = {**identity(run.config), **values_with(run.config, Role.PROGRAM | Role.LOOP)}
    facts = {"settings": str(settings), "images": str(run.dataset.facts), "versions": str(versions(_ALIKE))}
    run.hosts.check_alike({**facts, "first parameters": digest(run.state.params)})


@contextlib.contextmanager
def device_errors() -> Iterator[None]:
    """What a device reports at length becomes one line."""
    import jax

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).partition("\n")[0]
        if reason.startswith(_OUT_OF_MEMORY):
            raise OutOfMemoryError(
                f"the device has too little memory ({reason}); a smaller --batch_size needs less"
            ) from error
        if any(word in reason for word in _OF_OTHERS):
            raise LostError(reason) from error
        raise DeviceError(f"the device failed ({reason})") from error
