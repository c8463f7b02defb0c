"""Exact evaluation of an image set, with the probes that come with it."""

from dataclasses import dataclass

import jax
import numpy as np
from jax.sharding import Mesh

from bnjax.data import ImageSet, eval_batches
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.train.mesh import shard_batch
from bnjax.train.state import TrainState
from bnjax.train.step import EvalStep, Totals


@dataclass(frozen=True)
class Evaluation:
    """Means over every image, and what its units did.

    Attributes:
      loss: in nats.
      accuracy: fraction right.
      activation_input_max: site -> [features], largest input of the activation over images and positions.
      active: site -> [features], fraction of images on which that input is above 0 at some position.
    """

    loss: float
    accuracy: float
    activation_input_max: dict[str, np.ndarray]
    active: dict[str, np.ndarray]


def evaluate(
    step: EvalStep, state: TrainState, part: ImageSet, batch_size: int, mesh: Mesh, model: Network
) -> Evaluation:
    """Every image counts once, whatever the batch size; that is rounded up to a multiple of the devices."""
    batch_size = -(-min(batch_size, len(part)) // mesh.size) * mesh.size
    totals = Totals()
    units = {site.name: unit_name(site.name) for site in model.sites}
    largest: dict[str, np.ndarray] = {}
    active: dict[str, np.ndarray] = {}
    for batch in eval_batches(part, batch_size):
        sums, on_device = step(state.params, state.batch_stats, shard_batch(batch, mesh))
        totals.add(sums)
        probes = jax.device_get(on_device)
        for site, unit in units.items():
            largest[site] = np.maximum(largest.get(site, -np.inf), probes[unit].largest_input)
            active[site] = active.get(site, 0) + probes[unit].active
    fractions = {site: counts / totals.images for site, counts in active.items()}
    return Evaluation(totals.mean_loss, totals.accuracy, largest, fractions)
