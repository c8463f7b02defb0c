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
from bnjax.train.eval_step import EvalStep, UnitProbe
from bnjax.train.mesh import own_rows, replicate, shard_batch
from bnjax.train.state import TrainState
from bnjax.train.step import Sums, Totals

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
class UnitTally:
    """What units have done so far.

    Attributes:
      units: site -> its unit's name.
      largest: see :class:`Evaluation`.
      counts: site -> [features], on how many images a unit was active.
    """

    units: dict[str, str]
    largest: dict[str, np.ndarray] = field(default_factory=dict)
    counts: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, probes: dict[str, UnitProbe]) -> None:
        """Takes in what was seen on a batch."""
        for site, unit in self.units.items():
            self.largest[site] = np.maximum(self.largest.get(site, -np.inf), probes[unit].largest_input)
            self.counts[site] = self.counts.get(site, np.int32(0)) + np.asarray(probes[unit].active)

    def active(self, images: int) -> dict[str, np.ndarray]:
        """See :class:`Evaluation`; of so many images."""
        return {site: counts / images for site, counts in self.counts.items()}


@dataclass
class _Tally(UnitTally):
    """What an evaluation has seen so far."""

    totals: Totals = field(default_factory=Totals)

    def take(self, sums: Sums, probes: dict[str, UnitProbe]) -> None:
        """Takes in what a step found on a batch."""
        self.totals.add(sums)
        self.add(probes)

    def result(self) -> Evaluation:
        totals = self.totals
        means = (totals.mean_loss, totals.accuracy, totals.top5_accuracy)
        return Evaluation(*means, self.largest, self.active(totals.images))


def probed_units(model: Network) -> dict[str, str]:
    """Site -> its unit's name, of those with an activation, which alone can be silent."""
    computed = [site for site in model.sites if site.block in model.blocks]
    return {site.name: unit_name(site.name) for site in computed if not site.linear}


def whole_batch(batch_size: int, part: Images, mesh: Mesh) -> int:
    """The size of evaluation batches: a multiple of the devices."""
    return -(-min(batch_size, len(part)) // mesh.size) * mesh.size


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
    batch_size = whole_batch(batch_size, part, mesh)
    tally = _Tally(probed_units(model))
    rows = own_rows(batch_size, mesh) if mesh.is_multi_process else None
    for batch in eval_batches(part, batch_size, rows):
        check()
        tally.take(*jax.device_get(step(state.params, state.batch_stats, shard_batch(batch, mesh))))
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
    tallies = [_Tally(probed_units(model)) for _ in range(len(state.step))]
    for batch in eval_batches(part, min(batch_size, len(part))):
        stacked = jax.device_get(step(state.params, state.batch_stats, replicate(batch, mesh)))
        for lane, tally in enumerate(tallies):
            tally.take(*lane_of(stacked, lane))
    return [tally.result() for tally in tallies]


def lane_of(stacked: T, lane: int) -> T:
    """One lane of a tree of arrays with lanes first."""
    return jax.tree.map(lambda leaf: leaf[lane], stacked)
