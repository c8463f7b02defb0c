"""Exact evaluation of an image set, with the probes that come with it."""

from dataclasses import dataclass
from typing import Any

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
    """Mean loss (nats) and accuracy over every image, and site -> largest activation input [features]."""

    loss: float
    accuracy: float
    activation_input_max: dict[str, np.ndarray]


def evaluate(
    step: EvalStep, state: TrainState, part: ImageSet, batch_size: int, mesh: Mesh, model: Network
) -> Evaluation:
    """Every image counts once, whatever the batch size; that is rounded up to a multiple of the devices."""
    batch_size = -(-min(batch_size, len(part)) // mesh.size) * mesh.size
    totals = Totals()
    largest: Any = None
    for batch in eval_batches(part, batch_size):
        sums, sown = step(state.params, state.batch_stats, shard_batch(batch, mesh))
        totals.add(sums)
        probes = jax.device_get(sown)
        largest = probes if largest is None else jax.tree.map(np.maximum, largest, probes)
    by_site = {site.name: largest[unit_name(site.name)]["activation_input_max"] for site in model.sites}
    return Evaluation(totals.mean_loss, totals.accuracy, by_site)
