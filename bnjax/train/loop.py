"""The loop over epochs: trains, watches the loss, and tells the records."""

import math
import time
from collections import deque
from collections.abc import Callable

from bnjax.train.outcome import diverged_fields, epoch_fields, measure
from bnjax.train.progress import Progress
from bnjax.train.step import Sums, Totals
from bnjax.train.training import Training


class DivergedError(Exception):
    """A training loss is not finite."""


def train(
    run: Training,
    emit: Callable[..., None],
    progress: Progress,
    after_epoch: Callable[[], None] = lambda: None,
) -> str:
    """Trains to the end, from the epoch after the last recorded one, telling a record after each epoch.

    Args:
      run: changed in place: its state, its epochs.
      emit: called as ``emit("epoch", **fields)``.
      progress: told of each step.
      after_epoch: called when an epoch has been told.

    Returns:
      ``done`` or ``diverged``.
    """
    started = time.perf_counter()
    run.steps.compile(run.state)
    run.compile_seconds = time.perf_counter() - started
    for epoch in range(len(run.epochs) + 1, run.config.epochs + 1):
        started = time.perf_counter()
        try:
            trained = _train_epoch(run, epoch, progress)
        except DivergedError:
            fields = diverged_fields(run, epoch, int(run.state.step), time.perf_counter() - started)
        else:
            seconds = time.perf_counter() - started
            waited = run.steps.waited  # the measurements read images too
            fields = epoch_fields(run, epoch, measure(run, trained), seconds, waited)
        run.epochs.append(fields)
        emit("epoch", **fields)
        if fields["status"] == "diverged":
            return "diverged"
        after_epoch()
    return "done"


def _train_epoch(run: Training, epoch: int, progress: Progress) -> Totals:
    """The sums over the epoch's batches as they were trained.

    Raises:
      DivergedError: a loss is not finite; noticed some steps later, since steps run ahead.
    """
    started = time.perf_counter()
    totals = Totals()
    under_way: deque[Sums] = deque()

    def look_at_oldest() -> None:
        before = len(totals.batch_accuracies)
        totals.add(under_way.popleft())
        if not math.isfinite(totals.loss):
            raise DivergedError
        taken = len(totals.batch_accuracies)
        elapsed = time.perf_counter() - started
        waiting = None if run.steps.waited is None else run.steps.waited / elapsed
        progress.advance(taken - before, epoch, totals.mean_loss, waiting)

    for state, sums in run.steps.take(run.state, epoch):
        run.state = state
        under_way.append(sums)
        if len(under_way) > run.steps.in_flight:
            look_at_oldest()
    while under_way:
        look_at_oldest()
    return totals
