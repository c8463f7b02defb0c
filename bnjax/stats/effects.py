"""What a norm at each site changes, and what two of them change together, in a grid of placements."""

import itertools
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from bnjax.placement import Order, Site, all_placements
from bnjax.stats.intervals import Estimate, estimate

#: The names of one site, or of two.
Factor = tuple[str, ...]


def grid_effects(
    values: Mapping[str, Mapping[int, float]], sites: Sequence[Site], order: Order = "before"
) -> dict[Factor, Estimate]:
    """Main effects of the sites and interactions of their pairs, over all placements with one order.

    A *main effect* is the mean of with minus without a norm at the site, over all that the others may have.
    An *interaction* is what a norm at one site changes of the other's effect: with both, minus with the one,
    minus with the other, plus with neither. Both are in the metric's unit; where two norms together change
    the sum of what each changes alone, the interaction is 0. Each is the mean over seeds of a seed's own
    effect, so that what placements share by their seed falls out. In an unfinished grid only those
    comparisons count whose placements all were run with the seeds of :func:`shared_seeds`.

    Args:
      values: a placement's code -> seed -> any metric; placements out of the grid are passed over.
      sites: the factors, 2 ** len(sites) placements.
      order: of the norms.

    Returns:
      (site,) or (site, site) -> effect with its 95% interval over seeds (Student's t); what cannot be told is
      left out.
    """
    codes = [str(placement) for placement in all_placements(sites, (order,))]
    seeds, counted = shared_seeds({code: values[code] for code in codes if values.get(code)})
    if not seeds:
        return {}
    table = np.asarray([[values[code][s] if code in counted else np.nan for code in codes] for s in seeds])
    table = table.reshape(len(seeds), *[2] * len(sites))  # an axis a site: absent, present
    names = [site.name for site in sites]
    factors = [(i,) for i in range(len(sites))] + list(itertools.combinations(range(len(sites)), 2))
    effects = {}
    for factor in factors:
        by_seed = _effect(table, factor)
        if by_seed:
            effects[tuple(names[number] for number in factor)] = estimate(by_seed)
    return effects


def shared_seeds(runs: Mapping[str, Collection[int]]) -> tuple[list[int], set[str]]:
    """The seeds that most placements have, and the placements that have all of them.

    Where some seeds have every placement, those are meant, and no placement is left out. Where none has, a
    placement that was run with other seeds than most costs itself alone, not the whole comparison.

    Args:
      runs: a placement's code -> its seeds.
    """
    holders: dict[int, set[str]] = {}
    for code, seeds in runs.items():
        for seed in seeds:
            holders.setdefault(seed, set()).add(code)
    if not holders:
        return [], set()
    counted = max((holders[seed] for seed in sorted(holders)), key=len)
    return sorted(seed for seed in holders if holders[seed] >= counted), counted


def _effect(table: np.ndarray, factor: tuple[int, ...]) -> list[float]:
    """One value a seed: differences along the factor's axes, mean over what the other sites have."""
    for number in factor:
        table = np.diff(table, axis=number + 1)
    cells = table.reshape(len(table), -1)
    whole = ~np.isnan(cells).any(axis=0)
    return cells[:, whole].mean(axis=1).tolist() if whole.any() else []
