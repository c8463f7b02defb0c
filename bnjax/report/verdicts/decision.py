"""From the values of a contrast, one a seed, to what they decide."""

import math
import statistics
from collections.abc import Sequence
from typing import Literal, NamedTuple

from bnjax.stats import (
    CONFIDENCE,
    STUDENT,
    Estimate,
    Interval,
    estimate,
    estimate_percent,
    logit,
    seeds_for_share,
    seeds_needed,
    share_bound,
)
from bnjax.studies.claim import Contrast

Verdict = Literal["supported", "contradicted", "open", "cannot tell", "not run"]
#: In the order in which they are counted.
VERDICTS: tuple[Verdict, ...] = ("supported", "contradicted", "open", "cannot tell", "not run")
#: Runs that all agree decide once at most such a share of runs can be otherwise.
SHARE = 0.05
#: Values that differ by less than this part of them differ by rounding alone.
_ROUNDING = 1e-9


class Decision(NamedTuple):
    """What values decide.

    Attributes:
      verdict: of them alone.
      why: in words, where it is neither supported nor contradicted.
      ours: mean with its 95% interval; None where there are no values.
      p_support: how surprising the values are if the contrast does not hold.
      p_contradict: how surprising they are if it does, for the number of contrasts of its claim.
      seeds: how many in all would decide, if the spread stays; None where none are asked for or enough.
    """

    verdict: Verdict
    why: str = ""
    ours: Estimate | None = None
    p_support: float = 1.0
    p_contradict: float = 1.0
    seeds: int | None = None


NOT_RUN = Decision("not run")


def decide(
    contrast: Contrast,
    values: Sequence[float],
    comparisons: int = 1,
    interval: Interval = STUDENT,
    least_seeds: int = 2,
    percent: bool = False,
) -> Decision:
    """Whether a contrast holds.

    It is supported if its 95% interval lies wholly where it was expected: a claim that needs several
    contrasts needs them all, which makes nothing easier. It is contradicted if an interval lies wholly
    elsewhere that is as wide as the number of contrasts asks for (Bonferroni), since one that fails is
    enough. Values without any spread decide once at most 5% of runs can be otherwise.

    Args:
      contrast: what was expected.
      values: one for each seed.
      comparisons: how many contrasts the claim has.
      interval: its kind.
      least_seeds: fewer decide nothing, 2 or more.
      percent: whether values are percentages, whose intervals are made of their logits.
    """
    if not values:
        return NOT_RUN
    if len(values) == 1:
        alone = Estimate(values[0], None, None, 1)
        return Decision("open", f"1 of {least_seeds} seeds", alone, seeds=least_seeds)
    values = interval.counted(values)
    low, high = expected_range(contrast)
    if max(values) - min(values) <= _ROUNDING * max(abs(values[0]), abs(contrast.against), 1e-3):
        return _without_spread(values, low, high, least_seeds, contrast)
    estimated = estimate_percent if percent else estimate
    ours = estimated(values, CONFIDENCE, interval)
    ends, scaled = (low, high), list(values)
    if percent:
        ends, scaled = tuple(_logit_of_end(end) for end in ends), [*map(logit, values)]  # type: ignore[assignment]
    support, contradict = _p_values(scaled, *ends, comparisons, interval)
    limit = 1 - CONFIDENCE
    verdict: Verdict = "supported" if support < limit else "contradicted" if contradict < limit else "open"
    decision = Decision(verdict, "", ours, support, contradict)
    if len(values) < least_seeds:
        seeds = max(least_seeds, _seeds(scaled, *ends, comparisons, interval) or least_seeds)
        return decision._replace(verdict="open", why=f"{len(values)} of {least_seeds} seeds", seeds=seeds)
    if verdict != "open":
        return decision
    return _open(decision, _seeds(scaled, *ends, comparisons, interval), interval)


def expected_range(contrast: Contrast) -> tuple[float, float]:
    """Where a contrast should lie: the ends, of which one may be infinite."""
    infinity, against, margin = float("inf"), contrast.against, contrast.margin
    return {
        "lower": (-infinity, against),
        "higher": (against, infinity),
        "alike": (against - margin, against + margin),
        "not lower": (against - margin, infinity),
        "not higher": (-infinity, against + margin),
    }[contrast.expected]


def _logit_of_end(end: float) -> float:
    return end if end in (float("inf"), -float("inf")) else logit(min(max(end, 0.0), 100.0))


def _without_spread(
    values: Sequence[float], low: float, high: float, least_seeds: int, contrast: Contrast
) -> Decision:
    """All agree: the share of runs that may be otherwise is bounded, and that is what is said."""
    n, bound, needed = len(values), share_bound(len(values)), seeds_for_share(SHARE)
    ours = Estimate(values[0], None, None, n)
    strict = contrast.expected in ("lower", "higher")
    inside = low < values[0] < high if strict else low <= values[0] <= high
    p = (1 - SHARE) ** n
    told = f"all {n} runs agree, so at most {bound:.0%} of runs are otherwise (95%); {needed} would decide"
    decision = Decision("open", told, ours, p if inside else 1.0, 1.0 if inside else p)
    if n < max(least_seeds, needed):
        return decision._replace(seeds=max(least_seeds, needed))
    return decision._replace(verdict="supported" if inside else "contradicted")


def _p_values(
    values: Sequence[float], low: float, high: float, comparisons: int, interval: Interval
) -> tuple[float, float]:
    """That it holds: of the nearer end, which the mean has to be away from. That it does not: likewise."""
    mean = statistics.fmean(values)
    by_end = {end: interval.p(values, end) for end in (low, high) if abs(end) != float("inf")}
    if low < mean < high:
        return max(by_end.values()), 1.0
    return 1.0, min(1.0, comparisons * by_end[low if mean <= low else high])


def _seeds(
    values: Sequence[float], low: float, high: float, comparisons: int, interval: Interval
) -> int | None:
    """How many would decide for the side on which the mean is now; None where far too many."""
    if len(values) < 2:
        return None
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    inside = low < mean < high
    confidence = CONFIDENCE if inside else 1 - (1 - CONFIDENCE) / comparisons
    return seeds_needed(spread, min(abs(mean - low), abs(mean - high)), confidence, interval)


def _open(decision: Decision, seeds: int | None, interval: Interval) -> Decision:
    assert decision.ours
    if interval.looks:
        later = [n for n in interval.looks if n > decision.ours.n]
        if not later:
            return decision._replace(why=f"the last look, at {decision.ours.n} seeds, does not decide")
        seeds = next((n for n in later if n >= (seeds or math.inf)), later[-1])
    if seeds is None:
        return decision._replace(why="so near to the limit that no number of seeds would decide")
    seeds = max(seeds, decision.ours.n + 1)
    return decision._replace(why=f"about {seeds:,} seeds would decide", seeds=seeds)
