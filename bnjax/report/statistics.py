"""Means with the intervals that say how sure they are."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """The mean of n values, and its 95% interval; without one (None) where n is 1."""

    mean: float
    low: float | None
    high: float | None
    n: int


def estimate(values: Sequence[float]) -> Estimate:
    """The mean with its interval by Student's t, which holds for few values from a normal distribution.

    Raises:
      ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take a mean of")
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Estimate(mean, None, None, 1)
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes far longer to import

    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * statistics.stdev(values) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def paired_differences(ours: Mapping[Any, float], reference: Mapping[Any, float]) -> list[float]:
    """Pair by pair (the key: a seed), what lies between two conditions; keys that one lacks are left out."""
    return [ours[key] - reference[key] for key in sorted(ours.keys() & reference.keys())]
