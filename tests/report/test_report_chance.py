"""How many verdicts fall by chance: as few as they say."""

import numpy as np
import pytest
from test_report_verdicts import LOWER, made_run

from bnjax.report.sections.claims import claims_section
from bnjax.report.verdicts.chance import chance
from bnjax.report.verdicts.decision import VERDICTS, decide
from bnjax.report.verdicts.shelf import judge_all
from bnjax.studies import STUDIES

#: As many decisions as it takes to see a share of 5%.
MANY = 400


def test_false_verdicts_are_as_rare_as_they_say_and_effects_are_found():
    random = np.random.default_rng(1)
    null = [decide(LOWER, random.normal(0, 1, 8).tolist()).verdict for _ in range(MANY)]
    effect = [decide(LOWER, random.normal(-2, 1, 8).tolist()).verdict for _ in range(MANY)]
    assert null.count("open") > 0.92 * MANY
    assert effect.count("supported") > 0.95 * MANY
    assert effect.count("contradicted") == 0


def _mnist_without_effects(random):
    """Five seeds of every condition of the text on MNIST: nothing but noise lies between them."""
    study = STUDIES["mnist"]
    settings = {str(sorted(one.items())): one for claim in study.claims for one in claim.conditions.values()}
    for one in settings.values():
        for seed in range(5):
            yield made_run(accuracy=random.normal(0.98, 0.002), seed=seed, **one)


#: One-sided claims about accuracy.
LESS_ACCURATE = [
    claim
    for claim in STUDIES["mnist"].claims
    if claim.contrasts and {(c.reading, c.expected) for c in claim.contrasts} <= {("late_accuracy", "lower")}
]


@pytest.mark.parametrize("points", [-0.5, 0.5])
@pytest.mark.parametrize("claim", LESS_ACCURATE, ids=lambda claim: claim.name)
def test_the_page_finds_effects_that_are_there(claim, points):
    """20 pages on which one side is less accurate, or more, by two and a half deviations of a run."""
    random, verdicts = np.random.default_rng(3), []
    lower = {name for one in claim.contrasts for name, weight in one.weights.items() if weight > 0}
    for _ in range(20):
        runs = [
            made_run(
                accuracy=random.normal(0.98 + (name in lower) * points / 100, 0.002), seed=seed, **settings
            )
            for name, settings in claim.conditions.items()
            for seed in range(8)
        ]
        [row] = claims_section(judge_all([claim], runs)).tables[0].rows
        verdicts.append(row[2].text)
    true, false = ("supported", "contradicted")[:: 1 if points < 0 else -1]
    assert verdicts.count(true) >= 18
    assert verdicts.count(false) == 0


@pytest.mark.slow
def test_chance_is_told_on_the_page_and_holds():
    """20 pages on which nothing is true: one-sided claims about accuracy hold or fail by chance alone."""
    random, asked, false, surviving = np.random.default_rng(2), 0, 0, 0
    claims = LESS_ACCURATE
    assert len(claims) >= 4
    for _ in range(20):
        judged_all = judge_all(claims, _mnist_without_effects(random))
        together = chance(judged_all)
        section = claims_section(judged_all)
        assert f"{together.asked} questions are asked" in section.paragraphs[1]
        verdicts = [row[2].text for row in section.tables[0].rows]
        assert set(verdicts) <= set(VERDICTS)
        asked += together.asked
        decided = [row[0].text for row in section.tables[0].rows if row[2].text in VERDICTS[:2]]
        false += len(decided)
        surviving += sum(together.survives(name, "published") for name in decided)
    assert asked == 20 * len(claims)
    assert false <= 0.05 * asked + 3 * (0.05 * asked) ** 0.5
    assert surviving <= false / 2 + 2
