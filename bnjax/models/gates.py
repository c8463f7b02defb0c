"""The gates that make a gated network behave as a placement does."""

from typing import Any

import jax.numpy as jnp

from bnjax.models.network import Network, unit_name
from bnjax.placement import Placement, PlacementError


def gates_for(model: Network, placement: str | Placement) -> dict[str, dict[str, Any]]:
    """The ``gates`` collection that makes a gated model behave as this placement does.

    Args:
      placement: as the model's own, see :class:`Network`.

    Raises:
      PlacementError: it is not a placement of this model, or one with norms that the model does not have.
    """
    wanted = model.clone(placement=placement).parsed_placement
    built_in = tuple(model.site_norms.values())
    for site, norm, built in zip(wanted.sites, wanted.norms, built_in, strict=True):
        if norm and norm != built:
            raise PlacementError(
                f"gates cannot make a {norm} norm at {site.name}: the model has {built} there"
            )
    return placement_gates(wanted)


def placement_gates(placement: Placement) -> dict[str, dict[str, Any]]:
    """:func:`gates_for` of a value that is known to be of the model."""
    return {
        unit_name(site): {
            "on": jnp.float32(order != "absent"),
            "after": jnp.float32(order == "after"),
        }
        for site, order in placement.as_dict().items()
    }
