"""Runs from their configs to their last records. Imports JAX when there is something to train."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bnjax.config import Config, ConfigError
from bnjax.records import RecordError
from bnjax.settings import WeightsError
from bnjax.train.claim import ClaimedError, claimed
from bnjax.train.recorder import Recorder, finished_summary, variables_path
from bnjax.train.signals import Stopped, held_signals, last_words
from bnjax.whole_file import check_writable, remove_unfinished

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
      movies: they get a frame for each epoch and are saved at the end, an early one too.
      programs: those that other runs of this process have compiled.
      gated: whether its program serves runs of other placements, rates and slopes too.

    Returns:
      ``done`` or ``diverged``.
    """
    started = time.perf_counter()
    folder = recorder.path.parent
    check_writable(folder)  # before hours of decoding
    dataset = load(config)
    from bnjax.train.backend import configure_backend

    with held_signals():  # neither imports nor XLA bear exceptions from signals
        configure_backend()
        from bnjax.train.training import prepare
    with device_errors():
        with held_signals():
            run = prepare(config, dataset, movies, programs, gated)
        with claimed(folder):
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
    from bnjax.train.facts import frozen_words, run_facts
    from bnjax.train.loop import train
    from bnjax.train.outcome import summary_fields

    def close(status: str) -> None:
        recorder.emit("summary", **summary_fields(run, status, time.perf_counter() - started))

    take_up(run, recorder)
    recorder.emit("run", **run_facts(run))
    if frozen := frozen_words(run):
        print(f"run {recorder.run_id}: {frozen}", file=sys.stderr)
    saves = Saves([(run, recorder)])
    status = "interrupted"
    try:
        with last_words(partial(close, status)):
            try:
                with progress(run.config.epochs * run.steps_per_epoch, run.config.epochs) as shown, saves:
                    shown.advance(run.steps_taken, len(run.epochs), 0.0)
                    ended = train(run, recorder.emit, shown, saves.after_epoch)
                    keep_state(run, ended)
                    status = ended
            finally:
                close(status)
    finally:
        for movie in run.movies:
            movie.save()
    saves.remove(run)
    return status


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
    with held_signals():
        keep_variables(variables_path(run.config), {"params": params, "batch_stats": batch_stats})


def take_up(run: "Run", recorder: Recorder, last: int | None = None) -> None:
    """Goes on with an earlier attempt, where its records and a checkpoint are whole; else clears it away.

    Args:
      last: the last step from which it may go on.
    """
    from bnjax.train import checkpoint

    folder, config = recorder.path.parent, run.config
    remove_unfinished(folder)
    if config.resume and not config.overwrite and recorder.path.exists():
        saved = checkpoint.load_newest(folder, last)
        if saved and checkpoint.restore(saved, run):
            recorder.go_on_after(run.epochs)
            _tell_going_on(run, recorder.run_id)
            return
        if saved:
            print(
                f"run {recorder.run_id}: starts anew, its checkpoint is of another program", file=sys.stderr
            )
    checkpoint.remove(checkpoint.checkpoints(folder))


def _tell_going_on(run: "Run", run_id: str) -> None:
    ended, begun = len(run.epochs), run.underway.steps
    inside = f" and {begun} steps of the next" if begun else ""
    movie = "; its movie lacks them" if any(len(movie.frames) < ended for movie in run.movies) else ""
    print(f"run {run_id}: goes on after epoch {ended}{inside}{movie}", file=sys.stderr)


@dataclass
class Saves:
    """Checkpoints of runs that train side by side: after epochs, and where a signal stops them.

    ``--checkpoint_every`` says after which epochs; without it, writing takes a small part of the time.
    """

    runs: "Sequence[tuple[Run, Recorder]]"
    settle: Callable[[], None] = lambda: None
    _free_at: float = field(default=0.0)

    def __enter__(self) -> "Saves":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is Stopped:
            self.save()

    def after_epoch(self) -> None:
        """Saves where it is time to."""
        run, _ = self.runs[0]
        every = run.config.checkpoint_every
        epochs = max(len(run.epochs) for run, _ in self.runs)
        if epochs % every == 0 if every else time.monotonic() >= self._free_at:
            self.save()

    def save(self) -> None:
        """Saves all runs that go on.

        Raises:
          OSError: it cannot be written.
        """
        from bnjax.train import checkpoint
        from bnjax.train.training import has_diverged

        started = time.monotonic()
        self.settle()
        for run, recorder in self.runs:
            if not has_diverged(run):
                checkpoint.save(recorder.path.parent, run)
        ended = time.monotonic()
        self._free_at = ended + (ended - started) / _SAVING_SHARE

    def remove(self, ended: "Run") -> None:
        """Deletes the checkpoints of a run that has ended."""
        from bnjax.train import checkpoint

        [folder] = [recorder.path.parent for run, recorder in self.runs if run is ended]
        checkpoint.remove(checkpoint.checkpoints(folder))


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
