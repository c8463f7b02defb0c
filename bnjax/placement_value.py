"""Sites and placements as values; :mod:`bnjax.placement` reads their texts and offers these names too."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from bnjax.errors import UserError
from bnjax.norm import DEFAULT_NORM, NORMS

Kind = Literal["conv", "depthwise", "dense", "attention", "mlp", "tokens", "images"]
Order = Literal["absent", "before", "after"]

KINDS: tuple[str, ...] = get_args(Kind)
ORDERS: tuple[str, ...] = get_args(Order)
#: Of one layer and its activation, see :class:`bnjax.nn.Unit`; the others are of a transformer.
UNIT_KINDS = KINDS[:3]

#: Of each kind in codes.
LETTERS: Mapping[str, str] = dict(zip(KINDS, "cwdamti", strict=True))
_UNIT_TEXT: Mapping[str, str] = {"absent": "{}{}r", "before": "{}{}r", "after": "{}r{}"}
_LINEAR_TEXT: Mapping[str, str] = {"absent": "{}{}", "before": "{}{}"}


class PlacementError(UserError, ValueError):
    """A placement text that cannot be understood; the message is one line for the user."""


@dataclass(frozen=True)
class Site:
    """A place where a norm may stand: its path (``block1/conv2``) and the kind of its unit.

    At ``attention`` and ``mlp`` it stands before or after a residual branch: in front of it, or behind the
    sum of tokens and branch. ``tokens`` and ``images`` have no unit, only the norm of what reaches the
    logits, or the first layer.

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

    @property
    def convolves(self) -> bool:
        """Whether its unit is a convolution."""
        return self.kind in ("conv", "depthwise")

    @property
    def drops(self) -> bool:
        """Whether dropout acts on what its unit makes."""
        return self.kind in ("dense", "attention", "mlp")

    @property
    def activates(self) -> bool:
        """Whether there is an activation, whose units can be silent."""
        return not self.linear and self.kind != "attention"


@dataclass(frozen=True)
class Placement:
    """An order and a norm for every site of a model, in the model's own sequence of sites.

    ``after`` at a linear site becomes ``before``, since both are the same network.

    Attributes:
      norms: the name of the norm at each site, empty where it is absent; none given: ``batch`` everywhere.
    """

    sites: tuple[Site, ...]
    orders: tuple[Order, ...]
    norms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.sites) != len(self.orders):
            raise PlacementError(f"{len(self.orders)} orders for {len(self.sites)} sites")
        for order in self.orders:
            if order not in ORDERS:
                raise PlacementError(f"order {order!r} is not one of {', '.join(ORDERS)}")
        pairs = zip(self.sites, self.orders, strict=True)
        orders = tuple("before" if site.linear and order == "after" else order for site, order in pairs)
        object.__setattr__(self, "orders", orders)
        object.__setattr__(self, "norms", self._norms_where_present())

    def _norms_where_present(self) -> tuple[str, ...]:
        norms = self.norms or (DEFAULT_NORM,) * len(self.sites)
        if len(norms) != len(self.sites):
            raise PlacementError(f"{len(norms)} norms for {len(self.sites)} sites")
        present = tuple(
            "" if order == "absent" else norm for order, norm in zip(self.orders, norms, strict=True)
        )
        for norm in present:
            if norm and norm not in NORMS:
                raise PlacementError(f"norm {norm!r} is not one of {', '.join(NORMS)}")
        return present

    def __getitem__(self, site_name: str) -> Order:
        return self.as_dict()[site_name]

    def __str__(self) -> str:
        return "-".join("".join(units) for units in self._code_blocks())

    def as_dict(self) -> dict[str, Order]:
        """Site name -> order."""
        return {site.name: order for site, order in zip(self.sites, self.orders, strict=True)}

    @property
    def present_norms(self) -> tuple[str, ...]:
        """The different norms that it has, in the order in which data meets them."""
        return tuple(dict.fromkeys(norm for norm in self.norms if norm))

    @property
    def common_norm(self) -> str:
        """What its code's ``B`` has to stand for: ``batch`` where there is one, else its first norm."""
        present = self.present_norms
        return DEFAULT_NORM if not present or DEFAULT_NORM in present else present[0]

    def norm_at(self, site_name: str) -> str:
        """The name of the norm at a site; empty where it is absent."""
        return next(norm for site, norm in zip(self.sites, self.norms, strict=True) if site.name == site_name)

    def norms_at(self, sites: Sequence[Site]) -> set[str]:
        """The norms that stand at some of the sites."""
        return {norm for site, norm in zip(self.sites, self.norms, strict=True) if norm and site in sites}

    def norms_or(self, default: str) -> tuple[str, ...]:
        """The norm at each site, and at those without one that which stands there switched off."""
        return tuple(norm or default for norm in self.norms)

    def _code_blocks(self) -> list[list[str]]:
        units = zip(self.sites, self.orders, self.norms, strict=True)
        blocks = itertools.groupby(units, key=lambda unit: unit[0].block)
        return [[_unit_code(*unit) for unit in block] for _, block in blocks]


def _unit_code(site: Site, order: Order, norm: str) -> str:
    text = (_LINEAR_TEXT if site.linear else _UNIT_TEXT)[order]
    return text.format(LETTERS[site.kind], NORMS[norm].letter if norm else "")


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


def plain_code(sites: Sequence[Site]) -> str:
    """The code of a model without any norm: ``crcr-crcr-drdr``."""
    return str(next(all_placements(sites, orders=())))
