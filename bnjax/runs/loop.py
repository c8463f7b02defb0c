"""The loop over epochs, of one run or of lanes: trains, watches the losses, and tells the records."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from bnjax.process.progress import Progress
from bnjax.process.signals import held_signals
from bnjax.runs.group import RunGroup
from bnjax.runs.measure import Measured, measure
from bnjax.runs.recording.epoch_record import diverged_fields, epoch_fields, waiting_share
from bnjax.runs.training import Run, Underway, has_diverged
from bnjax.train.steps.sums import Sums

#: Called as ``emit(lane, "epoch", **fields)``; the lane of a run by itself is 0.
Emit = Callable[..., None]
#: Called with what sums up the steps so far; returns seconds.
WithinEpoch = Callable[[Callable[[], None]], float]


class DivergedError(Exception):
    """No training loss is finite."""


def train(
    group: RunGroup,
    emit: Emit,
    progress: Progress,
    after_epoch: Callable[[], None] = lambda: None,
    within_epoch: WithinEpoch = lambda sum_up: 0.0,
) -> None:
    """Trains to the end, from where the runs are, telling a record of each run after each epoch.

    A run that diverges has no further epochs and leaves the others alone. A signal ends it between two steps,
    or in what is not a step; the runs then are as their checkpoints need them.

    Args:
      group: changed in place: its state, and its runs' epochs.
      progress: told of each step.
      after_epoch: called when an epoch of all runs has been told.
      within_epoch: called between two steps, with what brings the runs up to date; returns seconds that are
        no training.
    """
    group.start(progress.describe)
    started = time.perf_counter()
    with held_signals():  # XLA and its callbacks are not exception-safe under signals
        group.steps.compile(group.state)
    runs = group.runs
    for run in runs:
        run.compile_seconds = time.perf_counter() - started
    for epoch in range(len(runs[0].epochs) + 1, runs[0].config.epochs + 1):
        group.hosts.check_signals()
        measured: Sequence[Measured | None]
        try:
            _train_epoch(group, epoch, progress, within_epoch)
            measured = measure(runs, group.state, epoch, group.measuring)
        except DivergedError:
            measured = [None] * len(runs)
        _record(runs, epoch, measured, emit)
        after_epoch()
        if all(has_diverged(run) for run in runs):
            break
    group.settle()


def _record(runs: Sequence[Run], epoch: int, measured: Sequence[Measured | None], emit: Emit) -> None:
    with held_signals():  # what is recorded and what a checkpoint holds go together
        for lane, run in enumerate(runs):
            if not has_diverged(run):
                fields = _fields(run, epoch, measured[lane])
                emit(lane, "epoch", **fields)
                run.epochs.append(fields)
            run.underway = Underway()


def _fields(run: Run, epoch: int, measured: Measured | None) -> dict[str, Any]:
    if measured is None or not _is_finite(run):
        return diverged_fields(run, epoch)
    return epoch_fields(run, epoch, measured)


def _is_finite(run: Run) -> bool:
    return math.isfinite(run.underway.totals.loss)


def _train_epoch(group: RunGroup, epoch: int, progress: Progress, within_epoch: WithinEpoch) -> None:
    """Takes the steps of an epoch that are left, and sums them up; ends between two of them at a signal.

    Raises:
      DivergedError: no loss is finite; noticed some steps later, since steps run ahead.
    """
    runs, first = group.runs, group.runs[0]
    waited, seconds, started = first.underway.waited, first.underway.seconds, time.perf_counter()
    steps_ahead: deque[Sums] = deque()

    def look_at_oldest() -> None:
        before = first.underway.steps
        for run, sums in zip(runs, group.of_each(steps_ahead.popleft()), strict=True):
            run.underway.totals.add(sums)
        _check_finite(runs)
        taken = seconds + (time.perf_counter() - started) / len(runs)
        for run in runs:
            run.underway.seconds, run.underway.waited = taken, waited + (group.steps.waited or 0.0)
        loss = first.underway.totals.mean_loss
        progress.advance(first.underway.steps - before, epoch, loss, waiting_share(first))

    def sum_up() -> None:
        while steps_ahead:
            look_at_oldest()

    _check_finite(runs)
    stops = group.hosts.stops(late=group.steps.in_flight)
    with held_signals() as stopping:
        for state, sums in group.steps.take(group.state, epoch, first.underway.steps):
            group.state = state
            steps_ahead.append(sums)
            if len(steps_ahead) > group.steps.in_flight:
                look_at_oldest()
            if stops.heard(stopping):
                break
            started += within_epoch(sum_up)
        sum_up()
    stops.obey()


def _check_finite(runs: Sequence[Run]) -> None:
    if not any(_is_finite(run) and not has_diverged(run) for run in runs):
        raise DivergedError
