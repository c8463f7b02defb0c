"""What probes ask of residual sums, in evaluation mode."""

from typing import Any

import jax.numpy as jnp
from jax import Array

from bnjax.data.batches import Batch
from bnjax.nn.sums import SUMS
from bnjax.train.state import TrainState
from bnjax.train.steps.subject import Subject


def sum_variances(
    subject: Subject, state: TrainState, statistics: Any, batch: Batch
) -> dict[str, tuple[Array, Array]]:
    """Site where a branch ends -> the variances of branch and shortcut, over all of a batch's numbers."""
    _, noted = subject.model.apply(
        subject.variables(state.params, statistics), subject.images(batch), train=False, mutable=[SUMS]
    )
    sums = noted.get(SUMS, {})
    of_site = {site: sums.get(site) or sums.get(unit, {}).get("sum") for site, unit in subject.units.items()}
    return {site: (_variance(parts[0]), _variance(parts[1])) for site, parts in of_site.items() if parts}


def _variance(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32)).var()
