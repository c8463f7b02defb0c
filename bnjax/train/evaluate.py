"""Exact evaluation of an image set, with the probes that come with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh

from bnjax.data import Images, eval_batches
from bnjax.data.batches import Batch
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.train.mesh import own_rows, replicate, shard_batch
from bnjax.train.state import TrainState
from bnjax.train.step import EvalStep, Sums, Totals, UnitProbe

T = TypeVar("T")


@dataclass(frozen=True)
class Evaluation:
    """Means over every image, and what its units did.

    Attributes:
      loss: in nats.
      accuracy: fraction right.
      top5_accuracy: fraction with the right class among the five that were rated highest.
      activation_input_max: site -> [features], largest input of the activation over images and positions.
      active: site -> [features], fraction of images on which that input is above 0 at some position.
    """

    loss: float
    accuracy: float
    top5_accuracy: float
    activation_input_max: dict[str, np.ndarray]
    active: dict[str, np.ndarray]


@dataclass
class _Tally:
    """What an evaluation has seen so far."""

    units: dict[str, str]
    totals: Totals = field(default_factory=Totals)
    largest: dict[str, np.ndarray] = field(default_factory=dict)
    active: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, sums: Sums, probes: dict[str, UnitProbe]) -> None:
        self.totals.add(sums)
        for site, unit in self.units.items():
            self.largest[site] = np.maximum(self.largest.get(site, -np.inf), probes[unit].largest_input)
            self.active[site] = self.active.get(site, np.int32(0)) + np.asarray(probes[unit].active)

    def result(self) -> Evaluation:
        fractions = {site: counts / self.totals.images for site, counts in self.active.items()}
        totals = self.totals
        means = (totals.mean_loss, totals.accuracy, totals.top5_accuracy)
        return Evaluation(*means, self.largest, fractions)


def _units(model: Network) -> dict[str, str]:
    """Those with an activation, which alone can be silent."""
    return {site.name: unit_name(site.name) for site in model.sites if not site.linear}


def evaluate(
    step: EvalStep,
    state: TrainState,
    part: Images,
    batch_size: int,
    mesh: Mesh,
    model: Network,
    check: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Every image counts once, whatever the batch size; that is rounded up to a multiple of the devices.

    Args:
      check: called before every batch; what it raises ends the evaluation.
    """
    batch_size = -(-min(batch_size, len(part)) // mesh.size) * mesh.size
    tally = _Tally(_units(model))
    rows = own_rows(batch_size, mesh) if mesh.is_multi_process else None
    for batch in eval_batches(part, batch_size, rows):
        check()
        tally.add(*jax.device_get(step(state.params, state.batch_stats, shard_batch(batch, mesh))))
    return tally.result()


def evaluate_lanes(
    step: Callable[[Any, Any, Batch], tuple[Sums, dict[str, UnitProbe]]],
    state: TrainState,
    part: Images,
    batch_size: int,
    mesh: Mesh,
    model: Network,
) -> list[Evaluation]:
    """The same of each lane.

    Args:
      step: takes and gives arrays with lanes first, but for the batch.
      state: stacked.
    """
    tallies = [_Tally(_units(model)) for _ in range(len(state.step))]
    for batch in eval_batches(part, min(batch_size, len(part))):
        stacked = jax.device_get(step(state.params, state.batch_stats, replicate(batch, mesh)))
        for lane, tally in enumerate(tallies):
            tally.add(*lane_of(stacked, lane))
    return [tally.result() for tally in tallies]


def lane_of(stacked: T, lane: int) -> T:
    """One lane of a tree of arrays with lanes first."""
    return jax.tree.map(lambda leaf: leaf[lane], stacked)
