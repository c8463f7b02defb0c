"""What each study asked and what the runs say, for whoever reads nothing else."""

from collections.abc import Mapping, Sequence

from bnjax.report.page.document import AnswerCard, Bar, Section, TableCell, interval_text
from bnjax.report.runs.readings import READINGS
from bnjax.report.sections.claims import overall_verdict
from bnjax.report.verdicts.chance import Judged
from bnjax.report.verdicts.decision import VERDICTS
from bnjax.report.verdicts.judgement import Judgement
from bnjax.stats.intervals import Estimate
from bnjax.studies import RECIPES, STUDIES
from bnjax.studies.claim import Contrast
from bnjax.studies.study import Study

_NOT_RUN = "not run"
#: Rows of a forest plot, so that it stays small.
_MOST_BARS = 5


def answers_section(judged: Sequence[Judged]) -> list[Section]:
    """The section of all studies that have runs which answer something; none where no study has."""
    answers = answers_of(judged)
    if not answers:
        return []
    return [Section("answers", "What the runs say", answers=answers, counts=counts_of(judged), brief=True)]


def answers_of(judged: Sequence[Judged]) -> list[AnswerCard]:
    """What each study asked of whose claims these are, if any run answers it, in the studies' order."""
    return [answer for study in STUDIES.values() if (answer := _answer(study, judged))]


def _answer(study: Study, judged: Sequence[Judged]) -> AnswerCard | None:
    ours = [by_recipe for by_recipe in judged if _first(by_recipe).claim.source == study.name]
    for name in RECIPES:
        found = [by_recipe[name][0] for by_recipe in ours if by_recipe[name][0].verdict != _NOT_RUN]
        found = [judgement for judgement in found if any(one.estimate for one in judgement.found)]
        if found:
            named = (judgement for judgement in found if judgement.claim.name == study.main_claim)
            return _of(study, next(named, found[0]), found)
    return None


def _first(by_recipe: Judged) -> Judgement:
    return by_recipe[RECIPES[0]][0]


def _of(study: Study, main: Judgement, found: Sequence[Judgement]) -> AnswerCard:
    unit = READINGS[main.claim.contrasts[0].reading].unit
    same = [one for one in found if one is not main and one.setting == main.setting]
    bars = _bars([main, *same], unit)
    address = study.link if study.link.startswith("https://") else ""
    return AnswerCard(
        study=study.name,
        question=study.question or study.about,
        verdict=overall_verdict([main])[0],
        sentences=[f"Claimed: {main.claim.said}", _here(main)],
        unit=unit,
        bars=bars,
        source=TableCell(", ".join(filter(None, [study.title, study.appeared])), link=address),
    )


def _here(main: Judgement) -> str:
    """Our number, and what keeps it from being a verdict on the text."""
    where = "Here" if main.on_its_data else f"On other data, where it is {main.verdict} and not counted"
    why = f" {main.verdict.capitalize()}: {main.why}." if main.why else ""
    return f"{where}: {_told(main)}; {main.setting}{_recipe(main)}.{why}"


def _recipe(judgement: Judgement) -> str:
    return "" if judgement.recipe == RECIPES[0] else f", {judgement.recipe} recipe"


def _told(judgement: Judgement) -> str:
    """The number of each contrast that was run, one or two of them."""
    run = [(one.contrast, one.estimate) for one in judgement.found if one.estimate]
    told = [_number(contrast, ours) for contrast, ours in run[:2]]
    more = [f"and {len(run) - 2} more contrasts"] if len(run) > 2 else []
    return "; ".join([*told, *more])


def _number(contrast: Contrast, ours: Estimate) -> str:
    reading = READINGS[contrast.reading]
    form, mean = reading.form(difference=False), reading.form(difference=len(contrast.weights) > 1)
    return f"{reading.label} {ours.mean:{mean}} {reading.unit} {interval_text(ours, form)}"


def _bars(judgements: Sequence[Judgement], unit: str) -> list[Bar]:
    """Differences in one unit, the main claim's first; a contrast that several claims share stands once."""
    bars: dict[tuple[str, frozenset[tuple[str, float]]], Bar] = {}
    for judgement in judgements:
        for one in judgement.found:
            contrast, ours = one.contrast, one.estimate
            if ours is None or READINGS[contrast.reading].unit != unit or len(contrast.weights) < 2:
                continue
            turned = frozenset((name, -weight) for name, weight in contrast.weights.items())
            if (contrast.reading, turned) not in bars:
                name = f"{READINGS[contrast.reading].label}: {contrast.name}"
                key = contrast.reading, frozenset(contrast.weights.items())
                bars.setdefault(key, Bar(name, *ours[:3], one.verdict))
    return list(bars.values())[:_MOST_BARS]


def counts_of(judged: Sequence[Judged]) -> Mapping[str, int]:
    """Verdict -> how many claims have it, by the first recipe that answers each."""
    counts: dict[str, int] = {}
    for by_recipe in judged:
        verdicts = [overall_verdict(by_recipe[name])[0] for name in RECIPES]
        told = next((verdict for verdict in verdicts if verdict != _NOT_RUN), _NOT_RUN)
        counts[told] = counts.get(told, 0) + 1
    return {verdict: counts[verdict] for verdict in VERDICTS if verdict in counts}
