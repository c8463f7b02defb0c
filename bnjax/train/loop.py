"""The loop over epochs: trains, watches the loss, and tells the records."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp

from bnjax.data import train_batches
from bnjax.data.batches import Batch
from bnjax.train.mesh import shard_batch
from bnjax.train.outcome import diverged_fields, epoch_fields
from bnjax.train.progress import Progress
from bnjax.train.step import Sums, Totals
from bnjax.train.training import Training

#: How many steps may be under way before their sums are looked at: enough to keep the device busy.
_STEPS_IN_FLIGHT = 8


class DivergedError(Exception):
    """A training loss is not finite."""


def train(run: Training, emit: Callable[..., None], progress: Progress) -> str:
    """Trains to the end, telling an ``epoch`` record after each epoch.

    Args:
      run: changed in place: its state, its epochs.
      emit: called as ``emit("epoch", **fields)``.
      progress: told of each step.

    Returns:
      ``done`` or ``diverged``.
    """
    compile_train_step(run)
    for epoch in range(len(run.epochs) + 1, run.config.epochs + 1):
        started = time.perf_counter()
        try:
            trained = _train_epoch(run, epoch, progress)
        except DivergedError:
            fields = diverged_fields(run, epoch, time.perf_counter() - started)
        else:
            fields = epoch_fields(run, epoch, trained, time.perf_counter() - started)
        run.epochs.append(fields)
        emit("epoch", **fields)
        if fields["status"] == "diverged":
            return "diverged"
    return "done"


def compile_train_step(run: Training) -> None:
    """One step on a copy of the state, so that no epoch's time holds the compilation."""
    batch = shard_batch(next(_batches(run, 1)), run.mesh)
    jax.block_until_ready(run.train_step(jax.tree.map(jnp.copy, run.state), batch))


def _batches(run: Training, epoch: int) -> Iterator[Batch]:
    config = run.config
    return train_batches(run.dataset.train, config.batch_size, config.shuffle, config.seed, epoch)


def _train_epoch(run: Training, epoch: int, progress: Progress) -> Totals:
    """The sums over the epoch's batches as they were trained.

    Raises:
      DivergedError: a loss is not finite; noticed a few steps later, since steps run ahead.
    """
    totals = Totals()
    under_way: deque[Sums] = deque()

    def look_at_oldest() -> None:
        totals.add(under_way.popleft())
        if not math.isfinite(totals.loss):
            raise DivergedError
        progress.step(epoch, totals.mean_loss)

    for batch in _batches(run, epoch):
        run.state, sums = run.train_step(run.state, shard_batch(batch, run.mesh))
        under_way.append(sums)
        if len(under_way) > _STEPS_IN_FLIGHT:
            look_at_oldest()
    while under_way:
        look_at_oldest()
    return totals
