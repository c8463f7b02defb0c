"""What each study asked and what the runs say, for whoever reads nothing else."""

import dataclasses
from collections.abc import Mapping, Sequence

from bnjax.report.page.document import AnswerCard, AnsweredClaim, Bar, Section, TableCell, interval_text
from bnjax.report.runs.readings import READINGS
from bnjax.report.sections.claims import overall_verdict
from bnjax.report.sections.verdict_cells import (
    any_time_mark,
    cut_to_possible,
    higher_of_two,
    number_form,
)
from bnjax.report.verdicts.chance import Judged
from bnjax.report.verdicts.decision import VERDICTS
from bnjax.report.verdicts.judgement import Judgement
from bnjax.settings.canonical import resolve
from bnjax.stats.intervals import Estimate
from bnjax.studies import RECIPES, STUDIES, recipe
from bnjax.studies.claim import Contrast
from bnjax.studies.study import Study
from bnjax.studies.typed import is_code

_NOT_RUN = "not run"
#: Rows of a forest plot, so that it stays small.
_MOST_BARS = 5
#: Up to this many sites with norms are listed by name.
_FEW_SITES = 2


def answers_section(judged: Sequence[Judged]) -> list[Section]:
    """The section of all studies that have runs which answer something; none where no study has."""
    answers = answers_of(judged)
    if not answers:
        return []
    return [Section("answers", "What the runs say", answers=answers, counts=counts_of(judged), brief=True)]


def answers_of(judged: Sequence[Judged]) -> list[AnswerCard]:
    """What each study asked of whose claims these are, if any run answers it, in the studies' order."""
    return [answer for study in STUDIES.values() if (answer := _answer(study, judged))]


def any_counts(judged: Sequence[Judged]) -> bool:
    """Whether any run is on data that a claim which it answers speaks of."""
    return any(overall_verdict(by_recipe[name])[0] != _NOT_RUN for by_recipe in judged for name in RECIPES)


def _answer(study: Study, judged: Sequence[Judged]) -> AnswerCard | None:
    ours = [by_recipe for by_recipe in judged if _first(by_recipe).claim.source == study.name]
    for name in RECIPES:
        found = [by_recipe[name][0] for by_recipe in ours if by_recipe[name][0].verdict != _NOT_RUN]
        found = [judgement for judgement in found if any(one.estimate for one in judgement.found)]
        if found:
            return _of(study, found)
    return None


def _first(by_recipe: Judged) -> Judgement:
    return by_recipe[RECIPES[0]][0]


def _of(study: Study, found: Sequence[Judgement]) -> AnswerCard:
    by_name = {judgement.claim.name: judgement for judgement in found}
    told = [by_name[name] for name in (study.main_claim, study.second_claim) if name in by_name] or found[:1]
    address = study.link if study.link.startswith("https://") else ""
    return AnswerCard(
        study=study.name,
        question=study.question or study.about,
        findings=[_finding(one) for one in told],
        source=TableCell(", ".join(filter(None, [study.title, study.appeared])), link=address),
    )


def _finding(judgement: Judgement) -> AnsweredClaim:
    claim, first = judgement.claim, next(one for one in judgement.found if one.estimate)
    assert first.estimate
    unit = READINGS[first.contrast.reading].unit
    elsewhere = "" if judgement.on_its_data else "The text speaks of other data, so this is not counted."
    words = [
        f"it was claimed that {_in_a_sentence(claim.said)}",
        _sentence(judgement.why),
        f"Here: {judgement.setting}{_recipe(judgement)}.",
        elsewhere,
    ]
    return AnsweredClaim(
        told=_sentence(told_contrast(first.contrast, first.estimate, judgement)),
        verdict=judgement.verdict,
        claim=" ".join(filter(None, words)),
        unit=unit,
        bars=_bars(judgement, unit),
    )


def _recipe(judgement: Judgement) -> str:
    return "" if judgement.recipe == RECIPES[0] else f", {judgement.recipe} recipe"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _in_a_sentence(said: str) -> str:
    """What was said behind a colon or 'that': names in capital letters stay as they are."""
    return said if said[1:2].isupper() else f"{said[:1].lower()}{said[1:]}"


def told_contrast(contrast: Contrast, ours: Estimate, judgement: Judgement) -> str:
    """Which of two conditions is higher, or that they are not told apart; of any other contrast its number.

    Args:
      contrast: of a claim.
      ours: its mean over seeds with the interval that verdicts rest on.
      judgement: where it comes from.
    """
    reading, mark = READINGS[contrast.reading], any_time_mark(judgement)
    form, shown = reading.form(difference=False), cut_to_possible(contrast, ours)
    names = {weight: _condition(name, judgement) for name, weight in contrast.weights.items()}
    if sorted(contrast.weights.values()) == [-1.0, 1.0]:
        return higher_of_two(reading.label, (names[1], names[-1]), shown, form, reading.unit) + mark
    name = _condition(contrast.name, judgement)
    mean = f"{shown.mean:{number_form(contrast)}} {reading.unit} {interval_text(shown, form)}{mark}"
    return f"{reading.label}, \u201c{name}\u201d: {mean}"


def _condition(name: str, judgement: Judgement) -> str:
    """A condition for people; a code says where its norms are, if these are few."""
    claim = judgement.claim
    placement = claim.conditions.get(name, {}).get("placement", "")
    if name != placement or not is_code(name):
        return name
    config = resolve(dataclasses.replace(recipe(claim.tested_by, judgement.recipe), placement=name))
    placed = config.parsed_placement()
    sites = [site.name for site, order in zip(placed.sites, placed.orders, strict=True) if order != "absent"]
    if len(sites) > _FEW_SITES:
        return name
    return f"norms at {' and '.join(sites)}" if sites else "no norms"


def _bars(judgement: Judgement, unit: str) -> list[Bar]:
    """A claim's differences in one unit."""
    return [
        Bar(
            f"{READINGS[one.contrast.reading].label}: {_named(one.contrast, judgement)}",
            *one.estimate[:3],
            one.verdict,
        )
        for one in judgement.found
        if one.estimate and READINGS[one.contrast.reading].unit == unit and len(one.contrast.weights) > 1
    ][:_MOST_BARS]


def _named(contrast: Contrast, judgement: Judgement) -> str:
    if sorted(contrast.weights.values()) != [-1.0, 1.0]:
        return contrast.name
    return " minus ".join(
        _condition(next(name for name, weight in contrast.weights.items() if weight == sign), judgement)
        for sign in (1.0, -1.0)
    )


def counts_of(judged: Sequence[Judged]) -> Mapping[str, int]:
    """Verdict -> how many claims have it, by the first recipe that answers each."""
    counts: dict[str, int] = {}
    for by_recipe in judged:
        verdicts = [overall_verdict(by_recipe[name])[0] for name in RECIPES]
        told = next((verdict for verdict in verdicts if verdict != _NOT_RUN), _NOT_RUN)
        counts[told] = counts.get(told, 0) + 1
    return {verdict: counts[verdict] for verdict in VERDICTS if verdict in counts}
