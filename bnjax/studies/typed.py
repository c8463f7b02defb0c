"""Placements and other settings as somebody would type them, from the canonical form that records hold."""

import functools
import itertools
import re
from collections.abc import Iterator
from typing import Any

from bnjax.placement import LETTERS, ORDERS, Placement, PlacementError, parse_placement
from bnjax.settings.config import Config
from bnjax.studies import RECIPES, STUDIES

#: Kinds of units and activations are small letters, norms capital ones.
_CODE = re.compile(f"[{''.join(LETTERS.values())}rA-Z-]+")


def is_code(placement: str) -> bool:
    """Whether a placement is a code such as ``cBr-dr``, and no list."""
    return _CODE.fullmatch(placement) is not None


@functools.cache
def base_of(study: str, recipe: str) -> Config:
    """The settings that a run of a study has where its command says nothing; no study: the defaults."""
    known = study in STUDIES and recipe in RECIPES
    return STUDIES[study].recipe(recipe) if known else Config()


def typed_placement(config: Config) -> str:
    """The placement as a list where one says it, such as ``conv,dense`` for ``crB-crB-drB``; else its code.

    A list that the study's own sweeps use is taken first, then one of kinds, where these are many one of all;
    of lists of blocks or sites and the code, the shortest.

    Args:
      config: in canonical form, as records hold it. Where a list names no order, norms stand as in the recipe
        of its study.
    """
    order = base_of(config.study, config.recipe).order
    return _typed(config.parsed_placement(), config.placement, config.study, order)


@functools.lru_cache(maxsize=4096)  # thousands of runs share a few placements
def _typed(placement: Placement, code: str, study: str, order: str) -> str:
    def means_it(text: str) -> bool:
        try:
            return parse_placement(text, placement.sites, order, placement.common_norm) == placement
        except PlacementError:  # of another network than the study's
            return False

    everything = [_entry("all", one, order) for one in ORDERS if one != "absent"]
    kinds = list(_of_kinds(placement, order))
    short, long = ([text for text in kinds if (text.count(",") > 1) == is_long] for is_long in (False, True))
    whole = itertools.chain(["none"], _of_sweeps(study), short, everything, long)
    if name := next(filter(means_it, whole), ""):
        return name
    lists = filter(means_it, (_of_parts(placement, order, part) for part in ("block", "name")))
    return min([*lists, code], key=len)


def _of_sweeps(study: str) -> Iterator[str]:
    """The placements that its sweeps name by lists; codes have no comma, colon or name in them."""
    sweeps = STUDIES[study].sweeps.values() if study in STUDIES else ()
    for settings in itertools.chain.from_iterable(conditions.values() for conditions in sweeps):
        text = settings.get("placement", "")
        if text and not is_code(text):
            yield text


def _of_kinds(placement: Placement, order: str) -> Iterator[str]:
    kinds = list(dict.fromkeys(site.kind for site in placement.sites))
    for orders in itertools.product(ORDERS, repeat=len(kinds)):
        chosen = zip(kinds, orders, strict=True)
        if entries := [_entry(kind, one, order) for kind, one in chosen if one != "absent"]:
            yield ",".join(entries)


def _of_parts(placement: Placement, order: str, part: str) -> str:
    """One entry for each block or site with a norm; a block is taken to be as its first such site is."""
    found: dict[str, str] = {}
    for site, one in zip(placement.sites, placement.orders, strict=True):
        if one != "absent":
            found.setdefault(getattr(site, part), one)
    return ",".join(_entry(name, one, order) for name, one in found.items())


def _entry(name: str, one: str, order: str) -> str:
    return name if one == order else f"{name}:{one}"


def spoken(name: str, value: Any) -> str:
    """A setting for people: ``dropout 0.4``, ``conv bias on``."""
    shown = (
        {True: "on", False: "off", "": "none"}.get(value, value) if isinstance(value, str | bool) else value
    )
    return f"{name.replace('_', ' ')} {shown}"
