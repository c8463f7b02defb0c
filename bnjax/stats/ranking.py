"""Many conditions side by side: ranked, and each held against one of them."""

from collections.abc import Mapping
from typing import NamedTuple

from bnjax.stats.intervals import Estimate, estimate, paired_differences, paired_p
from bnjax.stats.many import holm
from bnjax.stats.resampling import Rank, bootstrap_mean, probability_better, ranks

#: Condition -> seed -> what is read of its run.
Values = Mapping[str, Mapping[int, float]]


class RankedCondition(NamedTuple):
    """A condition among others.

    Attributes:
      rank: by its mean, of the seeds that every condition has; None where there are none.
      mean: with the 95% interval of Student's t, over all its seeds.
      resampled: the same by the bootstrap.
      difference: minus the reference, paired by seed; None for the reference and where no seed is shared.
      better: the probability that one of its runs beats one of the reference's; None for the reference.
      p: of the paired t test; None for fewer than two pairs.
      corrected: the same after Holm, over all conditions of the table.
    """

    rank: Rank | None
    mean: Estimate
    resampled: Estimate
    difference: Estimate | None
    better: Estimate | None
    p: float | None
    corrected: float | None


def standings(values: Values, reference: str, lower_is_better: bool = True) -> dict[str, RankedCondition]:
    """Every condition's standing, the best mean first; ``reference`` need not be among them."""
    values = {name: by_seed for name, by_seed in values.items() if by_seed}
    against = values.get(reference, {})
    differences = {
        name: paired_differences(by_seed, against) for name, by_seed in values.items() if name != reference
    }
    probabilities = {
        name: p for name, of_pairs in differences.items() if (p := paired_p(of_pairs)) is not None
    }
    corrected = dict(zip(probabilities, holm(list(probabilities.values())), strict=True))
    place = ranks(values, lower_is_better)
    told = {}
    for name, by_seed in values.items():
        runs, pairs = list(by_seed.values()), differences.get(name)
        told[name] = RankedCondition(
            rank=place.get(name),
            mean=estimate(runs),
            resampled=bootstrap_mean(runs),
            difference=estimate(pairs) if pairs else None,
            better=probability_better(runs, list(against.values()), lower_is_better) if pairs else None,
            p=probabilities.get(name),
            corrected=corrected.get(name),
        )
    sign = 1 if lower_is_better else -1
    return dict(sorted(told.items(), key=lambda item: (sign * item[1].mean.mean, item[0])))
