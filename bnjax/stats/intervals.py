"""Means with the intervals that say how sure they are."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
CONFIDENCE = 0.95
#: The deviation of the prior on the effect, in deviations of a value, that :data:`ANY_TIME` mixes over.
_MIXED_OVER = 1.0
#: Numbers of values at which one looks, and the part of what may mislead in all that each look may.
_LOOKS, _OF_A_LOOK = (5, 10, 20, 30), 0.0155 / 0.05
#: Unit -> the lowest and highest value of a run, as distinct from a difference between two.
_POSSIBLE = {
    "": (-math.inf, math.inf),
    "size": (0.0, math.inf),
    "%": (0.0, 100.0),
    "fraction": (0.0, 1.0),
    "points": (0.0, 100.0),
    "points more": (-100.0, 100.0),
    "nats": (0.0, math.inf),
    "units": (0.0, math.inf),
    "leaps": (0.0, math.inf),
    "skew": (0.0, math.inf),
    "of 256": (0.0, 256.0),
    "epochs": (1.0, math.inf),
    "times": (0.0, math.inf),
    "decades": (-math.inf, math.inf),
    "cosine": (-1.0, 1.0),
    "directions": (1.0, math.inf),
    "gap": (0.0, 1.0),
}


class Estimate(NamedTuple):
    """The mean of n values, and its interval; without one (None) where n is too small for it."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def tells_apart(self) -> bool:
        """Whether it has an interval that leaves 0 out: of differences, whether both sides are told apart."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


class Interval(NamedTuple):
    """A way to make an interval for a mean.

    Attributes:
      name: for people.
      half_width: (n, confidence) -> half the interval's width, in deviations of a value (divisor n - 1);
        infinite where n is too small.
      p: (values, number) -> how surprising they are if their true mean is that number, two-sided.
      looks: the numbers of values at which it holds, and no more than the last; empty: all.
    """

    name: str
    half_width: Callable[[int, float], float]
    p: Callable[[Sequence[float], float], float]
    looks: tuple[int, ...] = ()

    def counted(self, values: Sequence[T]) -> Sequence[T]:
        """Those of the last look; all of them where there was none yet, or where any number will do."""
        last = max((n for n in self.looks if n <= len(values)), default=len(values))
        return values[:last]


def _student_half_width(n: int, confidence: float) -> float:
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes far longer to import

    return float(stdtrit(n - 1, (1 + confidence) / 2)) / math.sqrt(n) if n > 1 else math.inf


def _student_p(values: Sequence[float], number: float) -> float:
    n = len(values)
    if n < 2:
        return 1.0
    from scipy.special import stdtr

    distance, deviation = abs(statistics.fmean(values) - number), statistics.stdev(values)
    if deviation == 0:
        return 0.0 if distance else 1.0
    return 2 * float(stdtr(n - 1, -distance / (deviation / math.sqrt(n))))


def _any_time_half_width(n: int, confidence: float) -> float:
    variance = _MIXED_OVER**2
    g = ((1 - confidence) ** 2 * variance / (n + variance)) ** (1 / n)
    divisor = g * (n + variance) - variance
    if n < 2 or divisor <= 0:
        return math.inf
    return math.sqrt((1 - g) * (n + variance) / divisor) * math.sqrt((n - 1) / n)


def _any_time_p(values: Sequence[float], number: float) -> float:
    n, variance = len(values), _MIXED_OVER**2
    distance, spread = abs(statistics.fmean(values) - number), statistics.pstdev(values)
    if n < 2 or distance == 0:
        return 1.0
    g = variance / (n + variance)  # what the expression below tends to, as the spread does to 0
    if spread:
        squared = (distance / spread) ** 2
        g = (n + variance + variance * squared) / ((1 + squared) * (n + variance))
    return min(1.0, math.sqrt(g**n * (n + variance) / variance))


def _looks_half_width(n: int, confidence: float) -> float:
    if n not in _LOOKS:
        return math.inf
    return _student_half_width(n, 1 - _OF_A_LOOK * (1 - confidence))


def _looks_p(values: Sequence[float], number: float) -> float:
    if len(values) not in _LOOKS:
        return 1.0
    return min(1.0, _student_p(values, number) / _OF_A_LOOK)


#: Student's t: holds for values from a normal distribution whose number was fixed before any was seen.
STUDENT = Interval("Student's t", _student_half_width, _student_p)
#: The normal mixture t process: holds however often one looks, and whenever one stops. With m the mean and s
#: the deviation (divisor n) of n values, c = 1 and a = 1 - confidence: g = (a^2 c^2 / (n + c^2))^(1/n), and
#: the half width is s sqrt((1 - g)(n + c^2) / (g (n + c^2) - c^2)), infinite where the divisor is not
#: positive (up to n = 4 at 95%). After Robbins, "Statistical methods related to the law of the iterated
#: logarithm" (1970), and Lai, "On confidence sequences" (1976); the form is that of Wang and Ramdas,
#: "Anytime-valid t-tests and confidence sequences for Gaussian means with unknown variance" (2023).
ANY_TIME = Interval("normal-mixture t, valid at any time", _any_time_half_width, _any_time_p)
#: Student's t for looks at 5, 10, 20 and 30 values, each at a nominal 0.0155 for 0.05 in all (by simulation),
#: as in Pocock, "Group sequential methods in the design and analysis of clinical trials" (1977). It decides
#: earlier than :data:`ANY_TIME`, and what 30 values do not decide stays open.
FOUR_LOOKS = Interval("Student's t, valid at looks at 5, 10, 20 and 30", _looks_half_width, _looks_p, _LOOKS)


def estimate(
    values: Sequence[float], confidence: float = CONFIDENCE, interval: Interval = STUDENT
) -> Estimate:
    """The mean with its interval.

    Args:
      values: one for each seed, in the unit of the answer.
      confidence: how often such intervals hold the true mean.
      interval: :data:`STUDENT` for a number of seeds that was fixed beforehand, :data:`ANY_TIME` where seeds
        were added after a look at the results, :data:`FOUR_LOOKS` where that was at those numbers of seeds.

    Returns:
      The mean; low and high are None where there are too few values for an interval.

    Raises:
      ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take a mean of")
    values = interval.counted(values)
    mean, n = statistics.fmean(values), len(values)
    half = interval.half_width(n, confidence)
    if math.isinf(half):
        return Estimate(mean, None, None, n)
    half *= statistics.stdev(values)
    return Estimate(mean, mean - half, mean + half, n)


def possible(level: Estimate, unit: str, difference: bool = False) -> Estimate:
    """The same for a table: an interval cut to values that a run, or a difference of two, may have.

    Verdicts rest on the whole interval.

    Args:
      level: of runs, or of differences between them.
      unit: what it is measured in.
      difference: whether it is of differences.

    Raises:
      KeyError: there is no such unit.
    """
    lowest, highest = _POSSIBLE[unit]
    if level.low is None or level.high is None:
        return level
    if difference:
        lowest, highest = lowest - highest, highest - lowest
    return level._replace(low=max(level.low, lowest), high=min(level.high, highest))


def paired_differences(ours: Mapping[Any, float], reference: Mapping[Any, float]) -> list[float]:
    """Pair by pair (the key: a seed), what lies between two conditions; keys that one lacks are left out."""
    return [ours[key] - reference[key] for key in sorted(ours.keys() & reference.keys())]


def paired_p(differences: Sequence[float]) -> float | None:
    """How probable a mean this far from 0 is if the true one is 0: Student's paired t test, two-sided.

    Returns:
      p, or None for fewer than two pairs. Pairs that all differ by the same have p 0, by nothing 1.
    """
    return STUDENT.p(differences, 0.0) if len(differences) > 1 else None
