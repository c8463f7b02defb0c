"""Means with the intervals that say how sure they are."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CONFIDENCE = 0.95
#: Unit -> the lowest and highest value of a run, as distinct from a difference between two.
_POSSIBLE = {
    "%": (0.0, 100.0),
    "points": (0.0, 100.0),
    "nats": (0.0, math.inf),
    "units": (0.0, math.inf),
    "of 256": (0.0, 256.0),
    "epochs": (1.0, math.inf),
}


class Estimate(NamedTuple):
    """The mean of n values, and its 95% interval; without one (None) where n is 1."""

    mean: float
    low: float | None
    high: float | None
    n: int


def estimate(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The mean with its interval by Student's t, which holds for few values from a normal distribution.

    Args:
      values: one for each seed.
      confidence: how often such intervals hold the true mean.

    Raises:
      ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take a mean of")
    mean, n = statistics.fmean(values), len(values)
    if n == 1:
        return Estimate(mean, None, None, 1)
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes far longer to import

    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * statistics.stdev(values) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def possible(level: Estimate, unit: str) -> Estimate:
    """The same for a table: Student's interval, cut to values that a run may have.

    Verdicts rest on the whole interval.

    Args:
      level: of runs, not of differences between them.
      unit: what it is measured in.

    Raises:
      KeyError: there is no such unit.
    """
    lowest, highest = _POSSIBLE[unit]
    if level.low is None or level.high is None:
        return level
    return level._replace(low=max(level.low, lowest), high=min(level.high, highest))


def paired_differences(ours: Mapping[Any, float], reference: Mapping[Any, float]) -> list[float]:
    """Pair by pair (the key: a seed), what lies between two conditions; keys that one lacks are left out."""
    return [ours[key] - reference[key] for key in sorted(ours.keys() & reference.keys())]


def paired_p(differences: Sequence[float]) -> float | None:
    """How probable a mean this far from 0 is if the true one is 0: Student's paired t test, two-sided.

    Returns:
      p, or None for fewer than two pairs. Pairs that all differ by the same have p 0, by nothing 1.
    """
    n = len(differences)
    if n < 2:
        return None
    mean, deviation = statistics.fmean(differences), statistics.stdev(differences)
    if deviation == 0:
        return 0.0 if mean else 1.0
    from scipy.special import stdtr

    return 2 * float(stdtr(n - 1, -abs(mean) / (deviation / math.sqrt(n))))


def holm(probabilities: Sequence[float]) -> list[float]:
    """P values corrected for how many comparisons were made (Holm 1979), in the given order.

    Whoever calls those below 0.05 different is wrong about any of them in at most 5% of such tables.
    """
    corrected = [0.0] * len(probabilities)
    largest = 0.0
    for place, number in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        largest = max(largest, min(1.0, (len(probabilities) - place) * probabilities[number]))
        corrected[number] = largest
    return corrected
