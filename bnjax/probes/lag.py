"""How far running statistics lag behind the weights, by site (Wu and Johnson 2021, section 3)."""

from typing import TypedDict

from bnjax.field_types import SizeOrNull
from bnjax.probes.probe import Memory, Moments, Need, Probe, Seen, Shown, median


class Lag(TypedDict):
    """How far a norm's running statistics are from fresh ones.

    Medians over the features that vary; None where none does, or the numbers are not finite.

    Attributes:
      mean_lag: distance of the means in standard deviations of the fresh statistics.
      variance_ratio: the running variance as a multiple of the fresh one.
    """

    mean_lag: SizeOrNull
    variance_ratio: SizeOrNull


def lag(running: Moments, fresh: Moments) -> Lag:
    """Running statistics against fresh ones."""
    varies = fresh.var > 0
    distances = abs(running.mean - fresh.mean)[varies] / fresh.var[varies] ** 0.5
    ratios = running.var[varies] / fresh.var[varies]
    return {"mean_lag": median(distances), "variance_ratio": median(ratios)}


def _look(seen: Seen, memory: Memory) -> dict[str, Lag]:
    return {site: lag(seen.running[site], fresh) for site, fresh in seen.fresh.items()}


LAG = Probe(
    name="lag",
    meaning="running statistics against fresh ones, for each norm that has both: distance of the means in "
    "deviations of the latter, and ratio of the variances, medians over features",
    source="Wu and Johnson 2021, section 3",
    cost="nothing beside --fresh_images",
    needs=Need.STATISTICS,
    found=Lag,
    look=_look,
    shown={
        "mean_lag": Shown("distance of running from fresh means, deviations"),
        "variance_ratio": Shown("running over fresh variance", "ratio"),
    },
)
