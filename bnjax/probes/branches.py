"""How much residual branches add to their shortcuts, which Batch Normalization makes small."""

from typing import TypedDict

from bnjax.field_types import SizeOrNull
from bnjax.probes.probe import Memory, Probe, Seen, rounded


class Parts(TypedDict):
    """Of a residual sum, by the site where its branch ends: variances over images, positions and features.

    Attributes:
      branch_variance: of what the branch adds.
      shortcut_variance: of what it is added to.
    """

    branch_variance: SizeOrNull
    shortcut_variance: SizeOrNull


def _look(seen: Seen, memory: Memory) -> dict[str, Parts]:
    return {
        site: {"branch_variance": rounded(float(branch)), "shortcut_variance": rounded(float(shortcut))}
        for site, (branch, shortcut) in seen.observed[BRANCHES.name].items()
    }


BRANCHES = Probe(
    name="branches",
    meaning="variances of the two parts of a residual sum, branch and shortcut, by the site where the branch "
    "ends, on one batch in evaluation mode",
    source="De and Smith 2020, section 2",
    cost="a forward pass of a batch",
    found=Parts,
    look=_look,
    observe="bnjax.train.steps.observe_sums:sum_variances",
)
