"""Statistics of runs: paired differences, intervals, how many seeds a question takes, and many questions.

Values are plain numbers, one a seed; nothing here knows of records, and nothing imports JAX::

    differences = paired_differences({0: 0.71, 1: 0.74}, {0: 0.69, 1: 0.70})
    estimate(differences)                        # Student's t: the number of seeds was fixed beforehand
    estimate(differences, interval=ANY_TIME)     # seeds were added until the answer was clear
    seeds_needed(deviation=0.02, distance=0.01)  # seeds for an interval narrower than the distance
"""

from bnjax.stats.effects import grid_effects
from bnjax.stats.intervals import (
    ANY_TIME,
    CONFIDENCE,
    FOUR_LOOKS,
    STUDENT,
    Estimate,
    Interval,
    estimate,
    paired_differences,
    paired_p,
    possible,
)
from bnjax.stats.many import benjamini_hochberg, holm
from bnjax.stats.percent import estimate_percent, logit, percent_of
from bnjax.stats.ranking import RankedCondition, standings
from bnjax.stats.resampling import FEWEST_TO_RESAMPLE, Rank, bootstrap_mean, probability_better, ranks
from bnjax.stats.seeds import MOST_SEEDS, seeds_for_share, seeds_needed, share_bound

__all__ = [
    "ANY_TIME",
    "CONFIDENCE",
    "FEWEST_TO_RESAMPLE",
    "FOUR_LOOKS",
    "MOST_SEEDS",
    "STUDENT",
    "Estimate",
    "Interval",
    "Rank",
    "RankedCondition",
    "benjamini_hochberg",
    "bootstrap_mean",
    "estimate",
    "estimate_percent",
    "grid_effects",
    "holm",
    "logit",
    "paired_differences",
    "paired_p",
    "percent_of",
    "possible",
    "probability_better",
    "ranks",
    "seeds_for_share",
    "seeds_needed",
    "share_bound",
    "standings",
]
