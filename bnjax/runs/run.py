"""Runs from their configs to their last records. Imports JAX when there is something to train."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bnjax.errors import UserError
from bnjax.files import check_writable, remove_unfinished
from bnjax.process.bar import say
from bnjax.process.signals import Stopped, held_signals, last_words
from bnjax.runs.hosts import ALONE, Hosts, LostError
from bnjax.runs.lock import claimed
from bnjax.runs.recorder import Recorder, finished_summary
from bnjax.settings.canonical import checkpoint_pace
from bnjax.settings.config import Config, values_with
from bnjax.settings.fields import Role
from bnjax.settings.identity import identity
from bnjax.settings.places import variables_path
from bnjax.train.device_groups import check_groups

if TYPE_CHECKING:
    from bnjax.data import Dataset
    from bnjax.probes.movie import Movie
    from bnjax.process.progress import Progress
    from bnjax.runs.checkpoint import Saved
    from bnjax.runs.training import Run, Training
    from bnjax.train.programs import Programs

#: Writing checkpoints takes no more than this part of the time.
_SAVING_SHARE = 0.05
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
) -> str:
    """Trains a resolved config and records it, from where an earlier attempt was cut.

    Args:
      progress: makes what is told of every step, from the number of steps and of epochs.
      movies: they get a frame for each epoch and are saved at the end, an early one too.
      programs: those that other runs of this process have compiled.
      gated: whether its program serves runs of other placements, rates and slopes too.
      hosts: the processes that train it together; the first of them alone writes.

    Returns:
      ``done`` or ``diverged``.

    Raises:
      LostError: of several hosts, one has ended.
    """
    started = time.perf_counter()
    folder = recorder.path.parent
    if hosts.first:
        check_writable(folder)  # before hours of decoding
    dataset = load(config)
    from bnjax.process.backend import configure_backend

    with held_signals():  # neither imports nor XLA bear exceptions from signals
        configure_backend()
        from bnjax.runs.training import prepare
    with device_errors():
        with held_signals():
            run = prepare(config, dataset, movies, programs, gated, hosts)
        with claimed(folder) if hosts.first else contextlib.nullcontext():
            ended = hosts.of_first(finished_summary(config) if hosts.first else None)
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
    from bnjax.runs import advice
    from bnjax.runs.epoch_record import summary_fields
    from bnjax.runs.loop import train
    from bnjax.runs.run_record import frozen_words, run_facts

    check_alike(run)

    def close(status: str) -> None:
        recorder.emit("summary", **summary_fields(run, status, time.perf_counter() - started))

    take_up(run, recorder, hosts=run.hosts)
    recorder.emit("run", **run_facts(run))
    if run.hosts.first and (frozen := frozen_words(run)):
        say(f"run {recorder.run_id}: {frozen}")
    advice.tell_before([run])
    saves = Saves([(run, recorder)], kept=run.hosts.first)
    status = "interrupted"
    try:
        with last_words(partial(close, status)):
            try:
                with progress(run.config.epochs * run.steps_per_epoch, run.config.epochs) as shown, saves:
                    shown.start_at(run.steps_taken)
                    ended = train(run, recorder.emit, shown, saves.after_epoch, saves.within_epoch)
                    if run.hosts.first:
                        keep_state(run, ended)
                    status = ended
            finally:
                close(status)
            advice.tell_after(run)
    finally:
        for movie in run.movies if run.hosts.first else ():
            movie.save()
    saves.remove(run)
    return status


def check_alike(run: "Training") -> None:
    """Compares what several hosts have to begin with in common.

    Raises:
      HostsError: names what differs.
    """
    if run.hosts.count == 1:
        return
    from bnjax.runs.run_record import versions
    from bnjax.train.state import digest

    settings = {**identity(run.config), **values_with(run.config, Role.PROGRAM | Role.LOOP)}
    facts = {"settings": str(settings), "images": str(run.dataset.facts), "versions": str(versions(_ALIKE))}
    run.hosts.check_alike({**facts, "first parameters": digest(run.state.params)})


def keep_state(run: "Run", status: str) -> None:
    """Keeps the final variables of a run that is done, where its config asks for it.

    Raises:
      OSError: they cannot be written.
    """
    if not run.config.keep_state or status != "done":
        return
    from bnjax.runs.training import used_variables
    from bnjax.weights import keep_variables

    params, batch_stats = used_variables(run)
    with held_signals():
        keep_variables(variables_path(run.config), {"params": params, "batch_stats": batch_stats})


def take_up(run: "Run", recorder: Recorder, last: int | None = None, hosts: Hosts = ALONE) -> None:
    """Goes on with an earlier attempt, where its records and a checkpoint are whole; else clears it away.

    Args:
      last: the last step from which it may go on.
      hosts: of several, the first one reads, and gives the others what it has read.

    Raises:
      ConfigError: its norms took the statistics of groups of another size.
    """
    from bnjax.runs import checkpoint

    folder = recorder.path.parent
    saved = hosts.of_first(_saved(run, recorder, last) if hosts.first else None)
    restored = saved is not None and checkpoint.restore(saved, run)
    if not hosts.first:
        return
    if restored:
        recorder.go_on_after(run.epochs)
        _tell_going_on(run, recorder.run_id)
        return
    if saved:
        say(f"run {recorder.run_id}: starts anew, its checkpoint is of another program")
    checkpoint.remove(checkpoint.checkpoints(folder))


def _saved(run: "Run", recorder: Recorder, last: int | None) -> "Saved | None":
    import jax

    from bnjax.runs import checkpoint

    folder = recorder.path.parent
    remove_unfinished(folder)
    if not run.config.resume or run.config.overwrite or not recorder.path.exists():
        return None
    saved = checkpoint.load_newest(folder, last)
    if saved:
        check_groups(run.config, jax.device_count())
    return saved


def _tell_going_on(run: "Run", run_id: str) -> None:
    ended, begun = len(run.epochs), run.underway.steps
    inside = f" and {begun} steps of the next" if begun else ""
    movie = "; its movie lacks them" if any(len(movie.frames) < ended for movie in run.movies) else ""
    say(f"run {run_id}: goes on after epoch {ended}{inside}{movie}")


@dataclass
class Saves:
    """Checkpoints of runs that train side by side: after epochs, and where a signal stops them.

    ``--checkpoint_every`` says after which epochs, or after which time, which may end within one; without it,
    writing takes a small part of the time.
    """

    runs: "Sequence[tuple[Run, Recorder]]"
    settle: Callable[[], None] = lambda: None
    kept: bool = True  # False where another process does
    _free_at: float = field(default=0.0)
    _epochs: int = field(default=0)
    _seconds: float = field(default=0.0)

    def __enter__(self) -> "Saves":
        run, _ = self.runs[0]
        self._epochs, self._seconds = checkpoint_pace(run.config.checkpoint_every)
        self._free_at = time.monotonic() + self._seconds
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is Stopped:
            self.save()

    def after_epoch(self) -> None:
        """Saves where it is time to."""
        ended = max(len(run.epochs) for run, _ in self.runs)
        if ended % self._epochs == 0 if self._epochs else time.monotonic() >= self._free_at:
            self.save()

    def within_epoch(self, sum_up: Callable[[], None]) -> float:
        """Saves where so much time is over.

        Args:
          sum_up: counts the steps that the states have taken.

        Returns:
          The seconds that saving took.
        """
        if not (self.kept and self._seconds) or time.monotonic() < self._free_at:
            return 0.0
        sum_up()
        started = time.perf_counter()
        self.save()
        return time.perf_counter() - started

    def save(self) -> None:
        """Saves all runs that go on.

        Raises:
          OSError: it cannot be written.
        """
        from bnjax.runs import checkpoint
        from bnjax.runs.training import has_diverged

        if not self.kept:
            return
        started = time.monotonic()
        self.settle()
        for run, recorder in self.runs:
            if not has_diverged(run):
                checkpoint.save(recorder.path.parent, run)
        ended = time.monotonic()
        self._free_at = ended + (self._seconds or (ended - started) / _SAVING_SHARE)

    def remove(self, ended: "Run") -> None:
        """Deletes the checkpoints of a run that has ended."""
        from bnjax.runs import checkpoint

        if not self.kept:
            return
        [recorder] = [recorder for run, recorder in self.runs if run is ended]
        if recorder.summary and recorder.summary["status"] == "interrupted":
            return  # a second thread said so first
        checkpoint.remove(checkpoint.checkpoints(recorder.path.parent))


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
