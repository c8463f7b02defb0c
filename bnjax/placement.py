"""Where the norms of a network stand: sites, placements, their grammar and their codes.

A *site* is the place in a hidden layer (a unit) where a norm may stand, named by its path
(``block1/conv2``). A *placement* says for every site of a model whether a norm is ``absent``,
stands ``before`` the unit's activation, or ``after`` it. Its canonical text is the *code* that the
published VGG7 experiment uses for its legends: ``cBrcr-crcr-drdBr`` (``c`` conv, ``w`` depthwise conv,
``d`` dense, ``B`` norm, ``r`` activation, ``-`` between blocks). A unit without activation has no ``r``:
``cBrwBrcB`` is a block of MobileNetV2, whose last convolution is linear. In ``aBrmBr-tB``, a transformer,
``a`` is attention and ``m`` an MLP, whose ``r`` is the residual branch, ``t`` the last tokens; ``i`` are
images. Every norm has a letter of its own (:mod:`bnjax.norm`), so a code may mix them: ``cBrcLr-crcr-drdr``.

This module knows no JAX: flags and reports use it too.
"""

import difflib
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from bnjax.norm import DEFAULT_NORM, NORMS
from bnjax.placement_value import (
    KINDS,
    LETTERS,
    ORDERS,
    UNIT_KINDS,
    Kind,
    Order,
    Placement,
    PlacementError,
    Site,
    all_placements,
    plain_code,
)

__all__ = [
    "KINDS",
    "LETTERS",
    "ORDERS",
    "UNIT_KINDS",
    "Kind",
    "Order",
    "Placement",
    "PlacementError",
    "Site",
    "all_placements",
    "parse_placement",
    "plain_code",
]

#: Most sites that a complaint lists one by one.
_MOST_NAMES = 12


def parse_placement(
    text: str, sites: Sequence[Site], order: str = "before", norm: str = DEFAULT_NORM
) -> Placement:
    """Reads a placement of a model with these ``sites``.

    Args:
      text: ``none``, ``all``, a list such as ``conv,dense`` or ``conv:before,block2/*:after:layer``, or a
        code such as ``cBrcr-crcr-drdBr``. A list entry is a kind, a block, a site name or a glob over
        site names, with an optional order (``before``, ``after`` or ``absent``) and an optional norm; a
        later entry overrides an earlier one where they meet.
      sites: the sites that the model offers.
      order: the order of entries that name none.
      norm: the norm of entries that name none, and of ``B`` in a code; other letters keep their own.

    Raises:
      PlacementError: one line that names what was not understood, where, and what is offered.
    """
    stripped = text.strip()
    if order not in ORDERS[1:]:
        raise PlacementError(f"order {order!r} is not one of before, after")
    if norm not in NORMS:
        raise PlacementError(f"norm {norm!r} is not one of {', '.join(NORMS)}")
    kinds = _kind_letters(sites)
    if re.fullmatch(rf"[{kinds}][{kinds}r{_norm_letters()}-]*", stripped):
        return _parse_code(stripped, tuple(sites), norm)
    return _parse_list(stripped, tuple(sites), _Entry("", order, norm))  # type: ignore[arg-type]  # checked above


def _norm_letters() -> str:
    return "".join(norm.letter for norm in NORMS.values())


def _kind_letters(sites: Sequence[Site]) -> str:
    """Those of the kinds that a model has, and of units, which a code of another model may have."""
    kinds = {*UNIT_KINDS, *(site.kind for site in sites)}
    return "".join(letter for kind, letter in LETTERS.items() if kind in kinds)


def _parse_code(code: str, sites: tuple[Site, ...], default_norm: str) -> Placement:
    letters, kinds = _norm_letters(), _kind_letters(sites)
    units = list(re.finditer(rf"[{kinds}](?:([{letters}]?)r([{letters}]?)|([{letters}]?))", code))
    by_letter = {norm.letter: norm.name for norm in NORMS.values()}
    orders: list[Order] = []
    norms: list[str] = []
    for unit in units:
        if unit[1] and unit[2]:
            raise PlacementError(
                f"placement code {code!r}: {unit[0]!r} at position {unit.start() + 1} has a norm before "
                "and after its activation; a site holds one"
            )
        orders.append("before" if unit[1] or unit[3] else "after" if unit[2] else "absent")
        norms.append(by_letter.get(unit[1] or unit[2] or unit[3] or "", DEFAULT_NORM))
    if len(units) == len(sites):
        placement = Placement(sites, tuple(orders), tuple(norms))
        if str(placement) == code:
            given = tuple(default_norm if norm == DEFAULT_NORM else norm for norm in norms)
            return Placement(sites, placement.orders, given)
    raise PlacementError(
        f"placement code {code!r} does not fit this model, whose code without norms is "
        f"'{plain_code(sites)}': put one B {_places_in_code(sites)}"
    )


def _places_in_code(sites: Sequence[Site]) -> str:
    linear = any(site.linear for site in sites)
    return "before or after any r" + (", or behind a letter that has no r" if linear else "")


class _Entry(NamedTuple):
    """An entry of a list: where, and what stands there."""

    target: str
    order: Order
    norm: str


def _parse_list(text: str, sites: tuple[Site, ...], default: _Entry) -> Placement:
    chosen: dict[str, _Entry] = {site.name: default._replace(order="absent") for site in sites}
    if text != "none":
        for position, written in enumerate(text.split(","), start=1):
            entry = _parse_entry(written.strip(), position, text, default)
            names = _matching_names(entry.target, sites)
            if entry.target == "none":
                raise PlacementError(
                    f"placement {text!r}, entry {position}: 'none' stands alone; --vary compares 'none|all'"
                )
            if not names:
                raise PlacementError(_unknown_target(entry.target, position, text, sites))
            chosen.update(dict.fromkeys(names, entry))
    entries = [chosen[site.name] for site in sites]
    return Placement(sites, tuple(entry.order for entry in entries), tuple(entry.norm for entry in entries))


def _parse_entry(written: str, position: int, text: str, default: _Entry) -> _Entry:
    """A target, then perhaps an order, perhaps a norm, each behind a colon."""
    target, _, rest = written.partition(":")
    parts = [part.strip() for part in rest.split(":")] if ":" in written else []
    orders = [part for part in parts if part in ORDERS]
    norms = [part for part in parts if part in NORMS]
    if len(orders) > 1 or len(norms) > 1 or len(orders) + len(norms) < len(parts):
        raise PlacementError(
            f"placement {text!r}, entry {position}: order {rest.strip()!r} is not one of "
            f"{', '.join(ORDERS)}, nor a norm ({', '.join(NORMS)}), nor one of each as in conv:after:batch"
        )
    order, norm = (*orders, default.order)[0], (*norms, default.norm)[0]
    return _Entry(target.strip(), order, norm)  # type: ignore[arg-type]  # checked just above


def _matching_names(target: str, sites: Sequence[Site]) -> list[str]:
    return [
        site.name
        for site in sites
        if target and (target in ("all", site.kind, site.name, site.block) or fnmatchcase(site.name, target))
    ]


def _unknown_target(target: str, position: int, text: str, sites: Sequence[Site]) -> str:
    kinds = [kind for kind in KINDS if any(site.kind == kind for site in sites)]
    blocks = list(dict.fromkeys(site.block for site in sites))
    names = [site.name for site in sites]
    shown = names if len(names) <= _MOST_NAMES else [*names[:3], "...", names[-1]]
    example = f"'{blocks[-1]}/*'" if blocks else "'*'"
    close = difflib.get_close_matches(target, ["none", "all", *kinds, *blocks, *names], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return (
        f"placement {text!r}, entry {position}: {target!r} is not understood{hint}; this model offers "
        f"none, all, kinds ({', '.join(kinds)}), blocks ({', '.join(blocks)}), sites "
        f"({', '.join(shown)}), globs such as {example}, or a code: '{plain_code(sites)}' with B "
        f"{_places_in_code(sites)}"
    )
