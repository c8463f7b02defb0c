"""Intervals by resampling seeds: means, the probability of being better, and ranks.

The percentile bootstrap, as rliable has it (Agarwal et al., "Deep Reinforcement Learning at the Edge of the
Statistical Precipice", 2021). Of few values it is too narrow: where 95% is written, two seeds give about 51%,
three 75% and five 84%. So there is none below ten, and verdicts rest on :mod:`bnjax.stats.intervals`.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bnjax.stats.intervals import CONFIDENCE, Estimate

RESAMPLES = 10_000
#: Fewer values have no interval by resampling.
FEWEST_TO_RESAMPLE = 10
#: Ranks of hundreds of conditions take that many sorts each.
_RANK_RESAMPLES = 2_000
_BATCH = 1_000


class Rank(NamedTuple):
    """A condition's rank, 1 the best, and its 95% interval; without one (None) below ten seeds."""

    rank: float
    low: float | None
    high: float | None
    n: int


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean with its 95% interval by the percentile bootstrap; without one below ten values.

    Args:
      values: one for each seed of the experiment.
      seed: of the resampling, so that a report repeats itself.

    Raises:
      ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take a mean of")
    mean, n = statistics.fmean(values), len(values)
    if n < FEWEST_TO_RESAMPLE:
        return Estimate(mean, None, None, n)
    low, high = _interval((values,), np.mean, seed)
    return Estimate(mean, low, high, n)


def probability_better(
    ours: Sequence[float], theirs: Sequence[float], lower_is_better: bool = False, seed: int = 0
) -> Estimate:
    """How often a run of one condition beats a run of another, a tie counting half.

    Mann and Whitney's U over the number of pairs: all pairs of runs count, not those of one seed alone. Its
    interval resamples the runs of each condition (rliable's probability of improvement, for one task).

    Returns:
      The probability, 0 to 1; n is the smaller number of runs, without an interval below ten.

    Raises:
      ValueError: a condition has no values.
    """
    if not ours or not theirs:
        raise ValueError("no values to compare")
    sign = -1.0 if lower_is_better else 1.0
    samples = (sign * np.asarray(ours, float), sign * np.asarray(theirs, float))
    share, n = float(_share_won(*samples)), min(len(ours), len(theirs))
    if n < FEWEST_TO_RESAMPLE:
        return Estimate(share, None, None, n)
    low, high = _interval(samples, _share_won, seed)
    return Estimate(share, low, high, n)


def _share_won(ours: np.ndarray, theirs: np.ndarray, axis: int = -1) -> np.ndarray:
    """Of samples along the last axis [..., n] and [..., m] -> [...].

    From ranks, as U is; comparing all pairs of thousands of resamplings would take gigabytes.
    """
    from scipy.stats import rankdata

    n, m = ours.shape[-1], theirs.shape[-1]
    joint = rankdata(np.concatenate([ours, theirs], axis=-1), axis=-1)
    return (joint[..., :n].sum(-1) - n * (n + 1) / 2) / (n * m)


def _interval(samples: Sequence[Any], statistic: Any, seed: int) -> tuple[float, float]:
    if all(np.ptp(sample) == 0 for sample in samples):  # scipy warns of values that are all the same
        estimate = float(statistic(*(np.asarray(sample, float) for sample in samples)))
        return estimate, estimate
    from scipy.stats import bootstrap  # takes far longer to import than the rest of the report

    interval = bootstrap(
        tuple(np.asarray(sample, float) for sample in samples),
        statistic,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def ranks(
    values: Mapping[str, Mapping[int, float]], lower_is_better: bool = True, seed: int = 0
) -> dict[str, Rank]:
    """Where each condition ranks by its mean, and, of ten seeds or more, where 95% of the resamplings put it.

    Seeds are resampled for all conditions at once, since runs of one seed are pairs; only seeds count that
    every condition has.

    Args:
      values: condition -> seed -> what is read of its run.
      lower_is_better: whether rank 1 is the lowest mean.
      seed: of the resampling.

    Returns:
      Condition -> rank, best first; none where no seed has every condition. Equal means share the mean of
      their ranks.
    """
    shared = sorted(set.intersection(*(set(by_seed) for by_seed in values.values()))) if values else []
    if not shared:
        return {}
    table = np.asarray([[by_seed[s] for s in shared] for by_seed in values.values()], float)
    table = table if lower_is_better else -table
    ranked = _ranked(table.mean(1))
    n = len(shared)
    low = high = np.full(len(ranked), None)
    if n >= FEWEST_TO_RESAMPLE:
        drawn = np.random.default_rng(seed).integers(n, size=(_RANK_RESAMPLES, n))
        resampled = _ranked(np.stack([table[:, draw].mean(1) for draw in drawn]))
        tails = (1 - CONFIDENCE) / 2
        low = np.quantile(resampled, tails, axis=0, method="lower")
        high = np.quantile(resampled, 1 - tails, axis=0, method="higher")
    told = zip(values, ranked.tolist(), low.tolist(), high.tolist(), strict=True)
    by_name = {name: Rank(rank, start, end, n) for name, rank, start, end in told}
    return dict(sorted(by_name.items(), key=lambda item: (item[1].rank, item[0])))


def _ranked(means: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, 1 the lowest; what differs by the rounding of sums alone is equal."""
    from scipy.stats import rankdata

    return rankdata(np.round(means, 12), axis=-1)
