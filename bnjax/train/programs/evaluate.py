"""Exact evaluation of an image set, with the probes that come with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from bnjax.data import Images, eval_batches
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.train.feeding import Feeding
from bnjax.train.steps.eval_step import EvalStep, UnitProbe
from bnjax.train.steps.sums import Sums, Totals

#: Of a small network.
_FEW_SITES = 8


@dataclass(frozen=True)
class Evaluation:
    """Means over every image, and what its units did.

    Attributes:
      loss: in nats.
      accuracy: fraction right.
      top5_accuracy: fraction with the right class among the five that were rated highest.
      activation_input_max: site -> largest input of the activation over images and positions.
      active: site -> fraction of images on which that input is above 0 at some position.
    """

    loss: float
    accuracy: float
    top5_accuracy: float
    activation_input_max: dict[str, Float[np.ndarray, " features"]]
    active: dict[str, Float[np.ndarray, " features"]]


@dataclass
class UnitTally:
    """What units have done so far.

    Attributes:
      units: site -> its unit's name.
      largest: see :class:`Evaluation`.
      counts: site -> on how many images a unit was active.
    """

    units: dict[str, str]
    largest: dict[str, Float[np.ndarray, " features"]] = field(default_factory=dict)
    counts: dict[str, Int[np.ndarray, " features"]] = field(default_factory=dict)

    def add(self, probes: dict[str, UnitProbe]) -> None:
        """Takes in what was seen on a batch."""
        for site, unit in self.units.items():
            self.largest[site] = np.maximum(self.largest.get(site, -np.inf), probes[unit].largest_input)
            self.counts[site] = self.counts.get(site, np.int32(0)) + np.asarray(probes[unit].active)

    def active(self, images: int) -> dict[str, Float[np.ndarray, " features"]]:
        """See :class:`Evaluation`."""
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
    return {site.name: unit_name(site.name) for site in computed if site.activates}


@dataclass(frozen=True)
class Evaluator:
    """Evaluates a state, or the stacked states of lanes, on every image of a part, each of which counts once.

    Attributes:
      step: of a state, or of stacked ones; its batch has no lanes.
      model: what the step computes.
      batch_size: the most images at once.
    """

    step: EvalStep
    model: Network
    batch_size: int
    feeding: Feeding

    def of(self, params: Any, statistics: Sequence[Any], part: Images) -> list[list[Evaluation]]:
        """For each of the statistics an evaluation of each lane, of one where there are no lanes.

        All see a batch before the next is read. In a small network they share a program, which computes once
        what lies before the first norm; in a large one that is little, and a program of both takes twice the
        memory.

        Args:
          params: of the state.
          statistics: ``batch_stats``, the state's own or others of the same form.
        """
        size, units = self.feeding.batch_size(self.batch_size, part), probed_units(self.model)
        small = len(self.model.sites) <= _FEW_SITES
        together = [list(statistics)] if small else [[each] for each in statistics]
        tallies = [[_Tally(units) for _ in range(self.feeding.lanes or 1)] for _ in statistics]
        for batch in eval_batches(part, size, self.feeding.rows(size)):
            placed = self.feeding.placed(batch)
            # All are begun before one is waited for.
            per_statistics = [one for some in together for one in self.step(params, some, placed)]
            for of_lanes, taken in zip(tallies, jax.device_get(per_statistics), strict=True):
                for tally, one in zip(of_lanes, self.feeding.by_lane(taken), strict=True):
                    tally.take(*one)
        return [[tally.result() for tally in of_lanes] for of_lanes in tallies]
