"""Which contrasts the conditions of one command can decide, and what is still open."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.verdicts.decision import Decision
from bnjax.report.verdicts.shelf import Shelf, answers
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.stats import ANY_TIME, Interval
from bnjax.studies import CLAIMS, RECIPES, recipe
from bnjax.studies.claim import Claim


@dataclass(frozen=True, eq=False)
class Question:
    """A contrast of a claim by one recipe; each is itself alone.

    Attributes:
      claim: what was said.
      number: of the contrast among the claim's.
      recipe: published or controlled.
      configs: those of the command that make its conditions, of one seed.
    """

    claim: Claim
    number: int
    recipe: str
    configs: tuple[Config, ...]

    def __str__(self) -> str:
        of = f", {self.number + 1} of {len(self.claim.contrasts)}" if len(self.claim.contrasts) > 1 else ""
        return f"{self.claim.name}{of}" + ("" if self.recipe == RECIPES[0] else f" ({self.recipe})")


def questions_of(configs: Sequence[Config]) -> list[Question]:
    """The contrasts all of whose conditions are there, run for as many epochs as their claims take.

    Args:
      configs: resolved, of one seed and of any studies.
    """
    studies = {config.study for config in configs}
    questions = []
    for claim in CLAIMS:
        if claim.tested_by not in studies:
            continue
        for name in RECIPES:
            base = recipe(claim.tested_by, name)
            for number, contrast in enumerate(claim.contrasts):
                asked = [resolve(dataclasses.replace(base, **claim.conditions[c])) for c in contrast.weights]
                made = [[one for one in configs if _makes(one, config, claim)] for config in asked]
                if all(made):
                    of_all = dict.fromkeys(one for some in made for one in some)
                    questions.append(Question(claim, number, name, tuple(of_all)))
    return questions


def _makes(config: Config, asked: Config, claim: Claim) -> bool:
    return config.epochs >= claim.least_epochs and answers(config, asked, claim)


def decisions(
    questions: Iterable[Question], runs: Iterable[RecordedRun], interval: Interval = ANY_TIME
) -> dict[Question, Decision]:
    """What runs decide of each question, by an interval that allows for looks at them.

    Where they are on several data sets, the decision that is open counts before those that are not.
    """
    shelf = Shelf(runs, interval=interval)
    found = {}
    for question in questions:
        judged = shelf.judge(question.claim, question.recipe)
        of_all = [one.found[question.number].decision for one in judged]
        undecided = [one for one in of_all if one.verdict not in ("supported", "contradicted")]
        found[question] = (undecided or of_all)[0]
    return found
