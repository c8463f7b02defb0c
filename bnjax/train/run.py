"""One run from a config to its last record. Imports JAX when there is something to train."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.config import Config, ConfigError
from bnjax.records import RecordError
from bnjax.train.claim import ClaimedError, claimed
from bnjax.train.recorder import Recorder, finished_summary

if TYPE_CHECKING:
    from bnjax.probes.movie import Movie
    from bnjax.train.programs import Programs
    from bnjax.train.progress import Progress
    from bnjax.train.training import Training

#: What may be lost of a run that is killed, beside the epoch under way.
_SECONDS_WORTH_KEEPING = 5.0


class DeviceError(Exception):
    """The device refused to go on, out of memory for example."""


def failures() -> tuple[type[Exception], ...]:
    """What ends a run with one line for the user; anything else is a fault of bnjax and shows its trace."""
    from bnjax.data.image_set import DataError

    return (ConfigError, DataError, RecordError, OSError, MemoryError, DeviceError, ClaimedError)


def train_run(
    config: Config,
    recorder: Recorder,
    progress: "Callable[[int, int], Progress]",
    movies: "Sequence[Movie]" = (),
    programs: "Programs | None" = None,
) -> str:
    """Trains a resolved config and records it, from where an earlier attempt was cut.

    Args:
      progress: makes what is told of every step, from the number of steps and of epochs.
      movies: they get a frame for each epoch and are saved at the end, an early one too; with them a run
        starts anew.
      programs: those that other runs of this process have compiled.

    Returns:
      ``done`` or ``diverged``.
    """
    from bnjax.train.backend import configure_backend

    started = time.perf_counter()
    configure_backend()
    from bnjax.data import load_dataset
    from bnjax.models.build import network_class
    from bnjax.train.training import prepare

    network = network_class(config.model)
    dataset = load_dataset(config, network.input_shape, network.smallest_side)
    with _device_errors():
        run = prepare(config, dataset, movies, programs)
        with claimed(recorder.path.parent):
            ended = None if config.overwrite else finished_summary(config)
            if ended:  # by another process, meanwhile
                return ended["status"]
            return _train_claimed(run, recorder, progress, started)


def _train_claimed(
    run: "Training", recorder: Recorder, progress: "Callable[[int, int], Progress]", started: float
) -> str:
    from bnjax.train import checkpoint
    from bnjax.train.facts import run_facts
    from bnjax.train.loop import train
    from bnjax.train.outcome import summary_fields

    path = recorder.path.with_name(checkpoint.FILE_NAME)
    if not (run.movies or run.config.overwrite):
        _go_on(run, recorder, path)
    recorder.emit("run", **run_facts(run))
    saves = _Saves(run, path)
    status = "interrupted"
    try:
        with progress(run.config.epochs * run.steps_per_epoch, run.config.epochs) as shown:
            shown.advance(len(run.epochs) * run.steps_per_epoch, len(run.epochs), 0.0)
            status = train(run, recorder.emit, shown, saves.after_epoch)
    finally:
        recorder.emit("summary", **summary_fields(run, status, time.perf_counter() - started))
        for movie in run.movies:
            movie.save()
    path.unlink(missing_ok=True)
    return status


def _go_on(run: "Training", recorder: Recorder, path: Path) -> None:
    """Takes up an earlier attempt, where its records and its checkpoint are whole."""
    from bnjax.train import checkpoint

    saved = checkpoint.load(path)
    if saved and recorder.path.exists() and checkpoint.restore(saved, run):
        recorder.go_on_after(run.epochs)
        print(f"run {recorder.run_id}: goes on after epoch {len(run.epochs)}", file=sys.stderr)


@dataclass
class _Saves:
    """Checkpoints after epochs, but not so often that writing them costs more than it saves."""

    run: "Training"
    path: Path
    last: float = field(default_factory=time.monotonic)

    def after_epoch(self) -> None:
        from bnjax.train import checkpoint

        if time.monotonic() - self.last > _SECONDS_WORTH_KEEPING:
            checkpoint.save(self.path, self.run)
            self.last = time.monotonic()


@contextlib.contextmanager
def _device_errors() -> Iterator[None]:
    """What a device reports at length becomes one line."""
    import jax

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise DeviceError(
            f"the device failed ({reason}); a smaller --batch_size needs less memory"
        ) from error
