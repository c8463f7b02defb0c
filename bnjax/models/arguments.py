"""What a network refuses of its arguments, and what it makes of them for modules at its sites."""

import dataclasses
from typing import Any

from bnjax.nn.checks import check_choice, check_count, check_setting
from bnjax.placement import Placement, Site
from bnjax.settings.config import FIELDS
from bnjax.settings.units import unit_settings

#: Attributes of networks that flags set, by the same names; the placement is read by its own grammar.
_SETTINGS = {field.name for field in FIELDS} - {"placement"}


def check_network(network: Any, place: str, blocks: tuple[str, ...]) -> None:
    """Holds a network's arguments against what they may be.

    Args:
      network: a :class:`bnjax.models.Network`.
      place: what a message begins with.
      blocks: all that it has.

    Raises:
      ValueError: one line that names the argument, its value and what would be accepted.
    """
    for name in _SETTINGS & {field.name for field in dataclasses.fields(network)}:
        check_setting(place, name, getattr(network, name))
    check_count(place, "num_classes", network.num_classes)
    check_count(place, "norm_group", network.norm_group, least=0)
    for name in ("starts_behind", "ends_with"):
        if block := getattr(network, name):
            check_choice(place, name, block, blocks)
    if not isinstance(network.placement, str | Placement):
        raise ValueError(f"{place}: placement={network.placement!r} is neither a text nor a Placement")
    known = [site.name for site in network.sites]
    for name in sorted((network.freezing.kernels | network.freezing.norms) - set(known)):
        raise ValueError(f"{place}: freezing names {name!r}, which is not one of {', '.join(known)}")


def unit_name(site: str) -> str:
    """The key of a site's unit in params and batch_stats: ``block1/conv2`` -> ``block1_conv2``."""
    return site.replace("/", "_")


def at_site(network: Any, site: Site) -> dict[str, Any]:
    """What every module at a site is given.

    Args:
      network: a :class:`bnjax.models.Network`.
    """
    settings = unit_settings(network)
    # Initial values do not depend on statistics, and are made with a single image.
    group = 0 if network.is_initializing() else network.norm_group
    placement, mode = network.parsed_placement, network.freezing.norm_mode(site.name)
    norm = placement.norm_at(site.name) or network.norm  # gates switch off one that is absent
    norms = dataclasses.replace(settings.norms, norm=norm, mode=mode, norm_group=group)
    dropout = settings.dropout if site.drops else 0.0
    return dict(
        order=placement[site.name],
        gated=network.gated,
        settings=dataclasses.replace(settings, norms=norms, dropout=dropout),
        param_dtype=network.param_dtype,
        name=unit_name(site.name),
    )
