"""An attempt at runs that one program trains, from their ``run`` records to their summaries."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bnjax.process.progress import Progress
from bnjax.process.signals import held_signals, last_words
from bnjax.runs.checkpoints.resume import take_up
from bnjax.runs.checkpoints.saves import Saves
from bnjax.runs.group import Alone, RunGroup
from bnjax.runs.loop import train
from bnjax.runs.recording import advice
from bnjax.runs.recording.epoch_record import summary_fields
from bnjax.runs.recording.recorder import Recorder
from bnjax.runs.recording.run_record import run_facts
from bnjax.runs.training import Run, Training, has_diverged, used_variables
from bnjax.settings.config import Config
from bnjax.settings.places import variables_path
from bnjax.weights import keep_variables


@dataclass
class Attempt:
    """Runs that are trained and recorded together.

    Attributes:
      recorders: of the group's runs, in their order.
      started: when that was, by ``time.perf_counter``.
      ended: called with a run's config and status, ``done`` or ``diverged``, behind its summary.
    """

    group: RunGroup
    recorders: Sequence[Recorder]
    started: float
    ended: Callable[[Config, str], None] = lambda config, status: None
    _open: list[int] = field(default_factory=list)  # lanes without a summary

    def __post_init__(self) -> None:
        runs = self.group.runs
        self._open += range(len(runs))
        first = self.group.hosts.first
        self._saves = Saves(list(zip(runs, self.recorders, strict=True)), self.group.settle, kept=first)

    def make(self, progress: Callable[[int, int], Progress]) -> None:
        """Trains the runs to the end, from where they are, and records how they end.

        Args:
          progress: makes the progress bar, from the number of steps and of epochs.

        Raises:
          OSError: something cannot be written.
          LostError: of several hosts, one has ended.
        """
        self._begin()
        try:
            with last_words(self._interrupt):
                self._train(progress)
        finally:
            for run in self._written():
                for movie in run.movies:
                    movie.save()

    def _begin(self) -> None:
        for run, recorder in zip(self.group.runs, self.recorders, strict=True):
            recorder.emit("run", **run_facts(run, self.group.lanes))
        advice.tell_before(self.group.runs)

    def _train(self, progress: Callable[[int, int], Progress]) -> None:
        run, saves, status = self.group.runs[0], self._saves, "interrupted"
        try:
            with progress(run.config.epochs * run.steps_per_epoch, run.config.epochs) as shown, saves:
                shown.start_at(run.steps_taken)
                train(self.group, self._emit, shown, self._after_epoch, saves.within_epoch)
                for each in self._written():
                    keep_state(each)
            status = "done"
        finally:
            self._close(self._open, status)

    def _emit(self, lane: int, kind: str, **fields: Any) -> None:
        self.recorders[lane].emit(kind, **fields)

    def _written(self) -> Sequence[Run]:
        """The runs whose files this process writes."""
        return self.group.runs if self.group.hosts.first else ()

    def _after_epoch(self) -> None:
        self._close([lane for lane in self._open if has_diverged(self.group.runs[lane])], "diverged")
        if self._open:
            self._saves.after_epoch()

    def _close(self, lanes: Sequence[int], status: str) -> None:
        """Records the end of runs; one that has diverged does not go on, even if a signal came behind it."""
        for lane in tuple(lanes):
            run = self.group.runs[lane]
            how = "diverged" if has_diverged(run) else status
            self._open.remove(lane)
            self._sum_up(lane, how)
            if how != "interrupted":
                self._saves.remove(run)
                self.ended(run.config, how)

    def _sum_up(self, lane: int, status: str) -> None:
        fields = summary_fields(self.group.runs[lane], status, time.perf_counter() - self.started)
        self._emit(lane, "summary", **fields)

    def _interrupt(self) -> None:
        for lane in tuple(self._open):
            self._sum_up(lane, "interrupted")


def train_alone(
    run: Training, recorder: Recorder, progress: Callable[[int, int], Progress], started: float, advises: bool
) -> str:
    """Trains a run by itself, from where an earlier attempt was cut; see :class:`Attempt`.

    Args:
      advises: whether a line on stderr says at the end what its records show.

    Returns:
      ``done`` or ``diverged``.
    """
    take_up(run, recorder, hosts=run.hosts)
    Attempt(Alone(run), [recorder], started).make(progress)
    if advises:
        advice.tell_after(run)
    return "diverged" if has_diverged(run) else "done"


def keep_state(run: Run) -> None:
    """Keeps the final variables of a run that has not diverged, where its config asks for it.

    Raises:
      OSError: they cannot be written.
    """
    if not run.config.keep_state or has_diverged(run):
        return
    params, batch_stats = used_variables(run)
    with held_signals():
        keep_variables(variables_path(run.config), {"params": params, "batch_stats": batch_stats})
