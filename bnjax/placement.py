"""Where the norms of a network stand: sites, placements, their grammar and their codes.

A *site* is the place in a hidden layer (a unit) where a norm may stand, named by its path
(``block1/conv2``). A *placement* says for every site of a model whether a norm is ``absent``,
stands ``before`` the unit's activation, or ``after`` it. Its canonical text is the *code* that the
published VGG7 experiment uses for its legends: ``cBrcr-crcr-drdBr`` (``c`` conv, ``w`` depthwise conv,
``d`` dense, ``B`` norm, ``r`` activation, ``-`` between blocks). A unit without activation has no ``r``:
``cBrwBrcB`` is a block of MobileNetV2, whose last convolution is linear.

This module knows no JAX: flags and reports use it too.
"""

import difflib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from bnjax.errors import UserError

Kind = Literal["conv", "depthwise", "dense"]
Order = Literal["absent", "before", "after"]

KINDS: tuple[str, ...] = get_args(Kind)
ORDERS: tuple[str, ...] = get_args(Order)

_LETTERS: Mapping[str, str] = {"conv": "c", "depthwise": "w", "dense": "d"}
_UNIT_TEXT: Mapping[str, str] = {"absent": "{}r", "before": "{}Br", "after": "{}rB"}
_LINEAR_TEXT: Mapping[str, str] = {"absent": "{}", "before": "{}B"}
_UNIT_CODE = re.compile(r"[cwd](?:(B?)r(B?)|(B?))")
#: Most sites that a complaint lists one by one.
_MOST_NAMES = 12


class PlacementError(UserError, ValueError):
    """A placement text that cannot be understood; the message is one line for the user."""


@dataclass(frozen=True)
class Site:
    """A place where a norm may stand: its path (``block1/conv2``) and the kind of its unit.

    Attributes:
      linear: the unit has no activation, as a linear bottleneck; a norm there has one place only, which
        is called ``before``.
    """

    name: str
    kind: Kind
    linear: bool = False

    @property
    def block(self) -> str:
        """The part of the path before the last ``/``: the group that one ``-`` closes in a code."""
        return self.name.rpartition("/")[0]


@dataclass(frozen=True)
class Placement:
    """An order for every site of a model, in the model's own sequence of sites.

    ``after`` at a linear site becomes ``before``, since both are the same network.
    """

    sites: tuple[Site, ...]
    orders: tuple[Order, ...]

    def __post_init__(self) -> None:
        if len(self.sites) != len(self.orders):
            raise PlacementError(f"{len(self.orders)} orders for {len(self.sites)} sites")
        for order in self.orders:
            if order not in ORDERS:
                raise PlacementError(f"order {order!r} is not one of {', '.join(ORDERS)}")
        pairs = zip(self.sites, self.orders, strict=True)
        orders = tuple("before" if site.linear and order == "after" else order for site, order in pairs)
        object.__setattr__(self, "orders", orders)

    def __getitem__(self, site_name: str) -> Order:
        return self.as_dict()[site_name]

    def __str__(self) -> str:
        return "-".join("".join(units) for units in self._code_blocks())

    def as_dict(self) -> dict[str, Order]:
        """Site name -> order."""
        return {site.name: order for site, order in zip(self.sites, self.orders, strict=True)}

    def _code_blocks(self) -> list[list[str]]:
        pairs = zip(self.sites, self.orders, strict=True)
        blocks = itertools.groupby(pairs, key=lambda pair: pair[0].block)
        return [
            [(_LINEAR_TEXT if s.linear else _UNIT_TEXT)[order].format(_LETTERS[s.kind]) for s, order in block]
            for _, block in blocks
        ]


def all_placements(sites: Sequence[Site], orders: Sequence[Order] = ("before",)) -> Iterator[Placement]:
    """Every placement of a model: each site absent or in one of ``orders``.

    Yields (1 + len(orders)) ** len(sites) placements, the one without any norm first: 64 for the six
    sites of VGG7 with one order, 729 with both. A linear site has one order.
    """
    choices: list[tuple[Order, ...]] = [
        ("absent", *(orders[:1] if site.linear else orders)) for site in sites
    ]
    for choice in itertools.product(*choices):
        yield Placement(tuple(sites), choice)


def parse_placement(text: str, sites: Sequence[Site], order: str = "before") -> Placement:
    """Reads a placement of a model with these ``sites``.

    Args:
      text: ``none``, ``all``, a list such as ``conv,dense`` or ``conv:before,block2/*:after``, or a
        code such as ``cBrcr-crcr-drdBr``. A list entry is a kind, a block, a site name or a glob over
        site names, with an optional order (``before``, ``after`` or ``absent``); a later entry
        overrides an earlier one where they meet.
      sites: the sites that the model offers.
      order: the order of entries that name none.

    Raises:
      PlacementError: one line that names what was not understood, where, and what is offered.
    """
    stripped = text.strip()
    if order not in ORDERS[1:]:
        raise PlacementError(f"order {order!r} is not one of before, after")
    if re.fullmatch(r"[cwd][cwdBr-]*", stripped):
        return _parse_code(stripped, tuple(sites))
    return _parse_list(stripped, tuple(sites), order)


def plain_code(sites: Sequence[Site]) -> str:
    """The code of a model without any norm: ``crcr-crcr-drdr``."""
    return str(next(all_placements(sites, orders=())))


def _parse_code(code: str, sites: tuple[Site, ...]) -> Placement:
    units = list(_UNIT_CODE.finditer(code))
    orders: list[Order] = []
    for unit in units:
        if unit[1] and unit[2]:
            raise PlacementError(
                f"placement code {code!r}: {unit[0]!r} at position {unit.start() + 1} has a norm before "
                "and after its activation; a site holds one"
            )
        orders.append("before" if unit[1] or unit[3] else "after" if unit[2] else "absent")
    if len(units) == len(sites):
        placement = Placement(sites, tuple(orders))
        if str(placement) == code:
            return placement
    raise PlacementError(
        f"placement code {code!r} does not fit this model, whose code without norms is "
        f"'{plain_code(sites)}': put one B {_places_in_code(sites)}"
    )


def _places_in_code(sites: Sequence[Site]) -> str:
    linear = any(site.linear for site in sites)
    return "before or after any r" + (", or behind a letter that has no r" if linear else "")


def _parse_list(text: str, sites: tuple[Site, ...], default_order: str) -> Placement:
    chosen: dict[str, Order] = {site.name: "absent" for site in sites}
    if text != "none":
        for position, entry in enumerate(text.split(","), start=1):
            target, order = _parse_entry(entry.strip(), position, text, default_order)
            names = _matching_names(target, sites)
            if target == "none":
                raise PlacementError(f"placement {text!r}, entry {position}: 'none' stands alone")
            if not names:
                raise PlacementError(_unknown_target(target, position, text, sites))
            chosen.update(dict.fromkeys(names, order))
    return Placement(sites, tuple(chosen[site.name] for site in sites))


def _parse_entry(entry: str, position: int, text: str, default_order: str) -> tuple[str, Order]:
    target, colon, order = entry.partition(":")
    order = order.strip() if colon else default_order
    if order not in ORDERS:
        raise PlacementError(
            f"placement {text!r}, entry {position}: order {order!r} is not one of {', '.join(ORDERS)}"
        )
    return target.strip(), order  # type: ignore[return-value]  # checked just above


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
