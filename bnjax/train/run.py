"""One run from a config to its last record. Imports JAX when there is something to train."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from bnjax.config import Config, ConfigError
from bnjax.records import RecordError
from bnjax.train.recorder import Recorder

if TYPE_CHECKING:
    from bnjax.probes.movie import Movie
    from bnjax.train.progress import Progress


class DeviceError(Exception):
    """The device refused to go on, out of memory for example."""


def failures() -> tuple[type[Exception], ...]:
    """What ends a run with one line for the user; anything else is a fault of bnjax and shows its trace."""
    from bnjax.data.image_set import DataError

    return (ConfigError, DataError, RecordError, OSError, MemoryError, DeviceError)


def train_run(
    config: Config,
    recorder: Recorder,
    progress: "Callable[[int, int], Progress]",
    movies: "Sequence[Movie]" = (),
) -> str:
    """Trains a resolved config and records it.

    Args:
      progress: makes what is told of every step, from the number of steps and of epochs.
      movies: they get a frame for each epoch and are saved at the end, an early one too.

    Returns:
      ``done`` or ``diverged``.
    """
    from bnjax.train.backend import configure_backend

    started = time.perf_counter()
    configure_backend()
    from bnjax.data import load_dataset
    from bnjax.models.build import network_class
    from bnjax.train.facts import run_facts
    from bnjax.train.loop import train
    from bnjax.train.outcome import summary_fields
    from bnjax.train.training import prepare

    network = network_class(config.model)
    dataset = load_dataset(config, network.input_shape, network.smallest_side)
    with _device_errors():
        run = prepare(config, dataset, movies)
        recorder.emit("run", **run_facts(run))
        status = "interrupted"
        try:
            with progress(config.epochs * run.steps_per_epoch, config.epochs) as shown:
                status = train(run, recorder.emit, shown)
        finally:
            recorder.emit("summary", **summary_fields(run, status, time.perf_counter() - started))
            for movie in movies:
                movie.save()
    return status


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
