"""How many seeds a question takes."""

import math

from bnjax.stats.intervals import CONFIDENCE, STUDENT, Interval

#: Nobody makes more; a question that takes more is one that seeds do not decide.
MOST_SEEDS = 100_000


def share_bound(n: int, confidence: float = CONFIDENCE) -> float:
    """The largest share of runs, 0 to 1, that may be otherwise where n of n runs agree.

    It is the exact binomial bound, 1 - (1 - confidence)^(1/n) (Clopper and Pearson 1934): 0.45 for 5 runs.

    Raises:
      ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"{n} runs bound no share")
    return 1 - (1 - confidence) ** (1 / n)


def seeds_for_share(share: float, confidence: float = CONFIDENCE) -> int:
    """How many runs must agree so that at most such a share of runs, above 0 and below 1, is otherwise.

    Raises:
      ValueError: the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share} is not between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(1 - share) - 1e-9)


def seeds_needed(
    deviation: float, distance: float, confidence: float = CONFIDENCE, interval: Interval = STUDENT
) -> int | None:
    """The fewest seeds whose interval is narrower than a distance, if the deviation stays as it is.

    Args:
      deviation: of a value, divisor n - 1.
      distance: from the mean to the number that the interval shall not hold, in the same unit.
      confidence: of the interval.
      interval: its kind.

    Returns:
      The number of seeds, 2 or more; None where it would take more than :data:`MOST_SEEDS`, or more than the
      interval's last look.

    Raises:
      ValueError: the deviation is negative.
    """
    if deviation < 0:
        raise ValueError(f"a deviation of {deviation} is negative")

    def enough(n: int) -> bool:
        return interval.half_width(n, confidence) * deviation < abs(distance)

    if interval.looks:
        return next(filter(enough, interval.looks), None)
    if not enough(MOST_SEEDS):
        return None
    low, high = 1, MOST_SEEDS  # enough is false at low, true at high, and changes once
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
