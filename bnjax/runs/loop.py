"""The loop over epochs: trains, watches the loss, and tells the records."""

import math
import time
from collections import deque
from collections.abc import Callable

from bnjax.process.progress import Progress
from bnjax.process.signals import held_signals
from bnjax.runs.epoch_record import diverged_fields, epoch_fields, waiting_share
from bnjax.runs.measure import Measured, Measuring, measure
from bnjax.runs.precompute import precompute
from bnjax.runs.training import Training, Underway, has_diverged
from bnjax.train.feeding import Feeding
from bnjax.train.step import Sums

#: Called with what sums up the steps so far; returns seconds.
WithinEpoch = Callable[[Callable[[], None]], float]


class DivergedError(Exception):
    """A training loss is not finite."""


def train(
    run: Training,
    emit: Callable[..., None],
    progress: Progress,
    after_epoch: Callable[[], None] = lambda: None,
    within_epoch: WithinEpoch = lambda sum_up: 0.0,
) -> str:
    """Trains to the end, from where the run is, telling a record after each epoch.

    A signal ends it between two steps, or in what is not a step; the run then is as a checkpoint needs it.

    Args:
      run: changed in place: its state, its epochs.
      emit: called as ``emit("epoch", **fields)``.
      progress: told of each step.
      after_epoch: called when an epoch has been told.
      within_epoch: called between two steps, with what brings the run up to date; returns seconds that are
        no training.

    Returns:
      ``done`` or ``diverged``.
    """
    precompute(run, progress.describe)
    started = time.perf_counter()
    with held_signals():  # XLA and what it calls back do not bear exceptions from signals
        run.steps.compile(run.state)
    run.compile_seconds = time.perf_counter() - started
    for epoch in range(len(run.epochs) + 1, run.config.epochs + 1):
        run.hosts.check_signals()
        try:
            _train_epoch(run, epoch, progress, within_epoch)
            measured: Measured | None = measure([run], run.state, epoch, _measuring(run))[0]
        except DivergedError:
            measured = None
        with held_signals():  # what is recorded and what a checkpoint holds go together
            fields = epoch_fields(run, epoch, measured) if measured else diverged_fields(run, epoch)
            emit("epoch", **fields)
            run.epochs.append(fields)
            run.underway = Underway()
        if has_diverged(run):
            return "diverged"
        after_epoch()
    return "done"


def _measuring(run: Training) -> Measuring:
    programs, feeding = run.programs, Feeding(run.mesh, check=run.hosts.check_signals)
    return Measuring(programs.eval_step, programs.fresh_step, programs.trained_part, feeding)


def _train_epoch(run: Training, epoch: int, progress: Progress, within_epoch: WithinEpoch) -> None:
    """Takes the steps of an epoch that are left, and sums them up; ends between two of them at a signal.

    Raises:
      DivergedError: a loss is not finite; noticed some steps later, since steps run ahead.
    """
    trained = run.underway
    before, started = trained.waited, time.perf_counter() - trained.seconds
    steps_ahead: deque[Sums] = deque()

    def look_at_oldest() -> None:
        taken = trained.steps
        trained.totals.add(steps_ahead.popleft())
        _check_finite(trained)
        trained.seconds = time.perf_counter() - started
        trained.waited = before + (run.steps.waited or 0.0)
        progress.advance(trained.steps - taken, epoch, trained.totals.mean_loss, waiting_share(run))

    def sum_up() -> None:
        while steps_ahead:
            look_at_oldest()

    _check_finite(trained)
    stops = run.hosts.stops(late=run.steps.in_flight)
    with held_signals() as stopping:
        for state, sums in run.steps.take(run.state, epoch, trained.steps):
            run.state = state
            steps_ahead.append(sums)
            if len(steps_ahead) > run.steps.in_flight:
                look_at_oldest()
            if stops.heard(stopping):
                break
            started += within_epoch(sum_up)
        sum_up()
    stops.obey()


def _check_finite(trained: Underway) -> None:
    if not math.isfinite(trained.totals.loss):
        raise DivergedError
