"""Many verdicts at once: how many would be by chance, and which survive their number."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bnjax.report.verdicts.judgement import Judgement
from bnjax.stats import CONFIDENCE, benjamini_hochberg

#: Recipe -> what was judged, what counts first.
Judged = Mapping[str, Sequence[Judgement]]


class Chance(NamedTuple):
    """All questions that counted runs answer, taken together.

    Attributes:
      asked: how many there are.
      by_chance: how many verdicts there would be at most, on average, if nothing were true.
      corrected: (claim, recipe) -> how surprising its verdict is among all (Benjamini and Hochberg).
    """

    asked: int
    by_chance: float
    corrected: dict[tuple[str, str], float]

    def survives(self, claim: str, recipe: str) -> bool:
        """Whether a verdict stands among all that were asked."""
        return self.corrected.get((claim, recipe), 1.0) < 1 - CONFIDENCE


def chance(judged: Sequence[Judged]) -> Chance:
    """Of the first judgement of each claim and recipe, where that is on its own data."""
    p: dict[tuple[str, str], float] = {}
    for by_recipe in judged:
        for name, (first, *_) in by_recipe.items():
            if first.on_its_data and first.verdict != "cannot tell" and first.p is not None:
                p[first.claim.name, name] = first.p
    corrected = dict(zip(p, benjamini_hochberg(list(p.values())), strict=True))
    return Chance(len(p), len(p) * (1 - CONFIDENCE), corrected)
