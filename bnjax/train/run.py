"""Runs from their configs to their last records. Imports JAX when there is something to train."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.config import Config, ConfigError
from bnjax.records import RecordError
from bnjax.settings import WeightsError
from bnjax.train.claim import ClaimedError, claimed
from bnjax.train.recorder import Recorder, finished_summary, variables_path

if TYPE_CHECKING:
    from bnjax.data import Dataset
    from bnjax.probes.movie import Movie
    from bnjax.train.programs import Programs
    from bnjax.train.progress import Progress
    from bnjax.train.training import Run, Training

#: Writing checkpoints takes no more than this part of the time.
_SAVING_SHARE = 0.05
#: What XLA's errors of too little memory start with.
_OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"


class DeviceError(Exception):
    """The device refused to go on."""


class OutOfMemoryError(DeviceError):
    """The device has too little memory."""


def failures() -> tuple[type[Exception], ...]:
    """What ends a run with one line for the user; anything else is a fault of bnjax and shows its trace."""
    from bnjax.data.image_set import DataError

    return (
        ConfigError,
        WeightsError,
        DataError,
        RecordError,
        OSError,
        MemoryError,
        DeviceError,
        ClaimedError,
    )


def train_run(
    config: Config,
    recorder: Recorder,
    progress: "Callable[[int, int], Progress]",
    movies: "Sequence[Movie]" = (),
    programs: "Programs | None" = None,
    gated: bool = False,
) -> str:
    """Trains a resolved config and records it, from where an earlier attempt was cut.

    Args:
      progress: makes what is told of every step, from the number of steps and of epochs.
      movies: they get a frame for each epoch and are saved at the end, an early one too; with them a run
        starts anew.
      programs: those that other runs of this process have compiled.
      gated: whether its program serves runs of other placements, rates and slopes too.

    Returns:
      ``done`` or ``diverged``.
    """
    started = time.perf_counter()
    dataset = load(config)
    from bnjax.train.backend import configure_backend

    configure_backend()
    from bnjax.train.training import prepare

    with device_errors():
        run = prepare(config, dataset, movies, programs, gated)
        with claimed(recorder.path.parent):
            ended = finished_summary(config)
            if ended:  # by another process, meanwhile
                return ended["status"]
            return _train_claimed(run, recorder, progress, started)


def load(config: Config) -> "Dataset":
    """The images of a run; does not import JAX, so that absent data is told of at once."""
    from bnjax.data import load_dataset

    return load_dataset(config, *config.images())


def _train_claimed(
    run: "Training", recorder: Recorder, progress: "Callable[[int, int], Progress]", started: float
) -> str:
    from bnjax.train.facts import run_facts
    from bnjax.train.loop import train
    from bnjax.train.outcome import summary_fields

    if not (run.movies or run.config.overwrite):
        take_up(run, recorder)
    recorder.emit("run", **run_facts(run))
    _tell_of_frozen(run, recorder)
    saves = Saves([(run, recorder)])
    status = "interrupted"
    try:
        with progress(run.config.epochs * run.steps_per_epoch, run.config.epochs) as shown:
            shown.advance(len(run.epochs) * run.steps_per_epoch, len(run.epochs), 0.0)
            status = train(run, recorder.emit, shown, saves.after_epoch)
            keep_state(run, status)
    finally:
        recorder.emit("summary", **summary_fields(run, status, time.perf_counter() - started))
        for movie in run.movies:
            movie.save()
    checkpoint_path(recorder).unlink(missing_ok=True)
    return status


def _tell_of_frozen(run: "Run", recorder: Recorder) -> None:
    from bnjax.nn.unit import parameter_count
    from bnjax.train.facts import trained_count
    from bnjax.train.training import used_variables

    trained, every = trained_count(run), parameter_count(used_variables(run)[0])
    if trained < every:
        print(f"run {recorder.run_id}: {trained:,} of {every:,} parameters are trained", file=sys.stderr)


def keep_state(run: "Run", status: str) -> None:
    """Keeps the final variables of a run that is done, where its config asks for it.

    Raises:
      OSError: they cannot be written.
    """
    if not run.config.keep_state or status != "done":
        return
    from bnjax.train.training import used_variables
    from bnjax.weights import keep_variables

    params, batch_stats = used_variables(run)
    keep_variables(variables_path(run.config), {"params": params, "batch_stats": batch_stats})


def checkpoint_path(recorder: Recorder) -> Path:
    """Where a run's checkpoint lies."""
    from bnjax.train import checkpoint

    return recorder.path.with_name(checkpoint.FILE_NAME)


def take_up(run: "Run", recorder: Recorder) -> None:
    """Goes on with an earlier attempt, where its records and its checkpoint are whole."""
    from bnjax.train import checkpoint

    saved = checkpoint.load(checkpoint_path(recorder))
    if saved and recorder.path.exists() and checkpoint.restore(saved, run):
        recorder.go_on_after(run.epochs)
        print(f"run {recorder.run_id}: goes on after epoch {len(run.epochs)}", file=sys.stderr)


@dataclass
class Saves:
    """Checkpoints of runs after their epochs, but not so often that writing them takes long."""

    runs: "Sequence[tuple[Run, Recorder]]"
    settle: Callable[[], None] = lambda: None
    _free_at: float = field(default=0.0)

    def after_epoch(self) -> None:
        """Saves, unless the last time is too short ago for what it took."""
        from bnjax.train import checkpoint

        started = time.monotonic()
        if started < self._free_at:
            return
        self.settle()
        for run, recorder in self.runs:
            checkpoint.save(checkpoint_path(recorder), run)
        ended = time.monotonic()
        self._free_at = ended + (ended - started) / _SAVING_SHARE


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
        raise DeviceError(f"the device failed ({reason})") from error
