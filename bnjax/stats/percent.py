"""The logit of percentages: a scale without ends, on which accuracies near 100% are not skewed."""

import math
import statistics
from collections.abc import Sequence

from bnjax.stats.intervals import CONFIDENCE, STUDENT, Estimate, Interval, estimate

#: Half an image of 10,000, in percent: 0 and 100 themselves have no logit.
_NEAREST = 0.005


def logit(percent: float) -> float:
    """Of a percentage, 0 to 100; what is nearer to an end than 0.005 counts as 0.005 away.

    Raises:
      ValueError: it is no percentage.
    """
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is not between 0 and 100 percent")
    inside = min(max(percent, _NEAREST), 100 - _NEAREST)
    return math.log(inside / (100 - inside))


def percent_of(logit: float) -> float:
    """The percentage, 0 to 100, of a logit."""
    return 100 / (1 + math.exp(-logit)) if logit > -700 else 0.0


def estimate_percent(
    values: Sequence[float], confidence: float = CONFIDENCE, interval: Interval = STUDENT
) -> Estimate:
    """The mean of percentages with an interval that was made of their logits, and so stays within 0 and 100.

    Where the mean itself lies outside, which takes very unlike values, the interval is widened to hold it.

    Args:
      values: one for each seed, 0 to 100.
      confidence: how often such intervals hold the truth.
      interval: its kind.

    Raises:
      ValueError: there are no values, or one is no percentage.
    """
    values = interval.counted(values)
    if min(values, default=0) == max(values, default=0):
        return estimate(values, confidence, interval)
    mean, of_logits = statistics.fmean(values), estimate([*map(logit, values)], confidence, interval)
    if of_logits.low is None or of_logits.high is None:
        return Estimate(mean, None, None, of_logits.n)
    return Estimate(
        mean, min(mean, percent_of(of_logits.low)), max(mean, percent_of(of_logits.high)), of_logits.n
    )
