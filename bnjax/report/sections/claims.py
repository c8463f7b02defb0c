"""Claims and their verdicts as tables."""

from collections.abc import Sequence

from bnjax.report.page.document import Section, Table, TableCell, interval_text, number, text
from bnjax.report.runs.readings import READINGS
from bnjax.report.sections.verdict_cells import (
    any_time_mark,
    cut_to_possible,
    expected_text,
    left_out,
    number_form,
    verdict_cell,
)
from bnjax.report.verdicts.chance import Chance, Judged, chance
from bnjax.report.verdicts.decision import VERDICTS, Verdict
from bnjax.report.verdicts.judgement import Found, Judgement
from bnjax.report.verdicts.shelf import data_of_claim
from bnjax.studies import RECIPES, studies_of
from bnjax.studies.claim import Claim

#: Columns by which the page lets rows be chosen.
_FILTERS = ("text", "data", *(f"verdict, {name}" for name in RECIPES))
#: Behind what is answered beyond chance among all questions.
MARK = "\u2020"
_MARKED = (
    f"{MARK}: the verdict survives correction for the number of questions. data: what the runs are on that "
    "answer it, whether the text speaks of that or not."
)
_HOW = (
    "A claim is supported if all of its contrasts are: the 95% interval over seeds lies wholly where the "
    "text says. It is contradicted if one of them lies wholly elsewhere, by an interval widened for their "
    "number (Bonferroni). It is open where more seeds would tell; these runs cannot tell where they are too "
    "short or hold no such reading. Values without any spread decide once at most 5% of runs can be "
    "otherwise, which takes 59 seeds. Runs that diverged count as the worst accuracy; where nothing is "
    "worst, the claim stays open."
)
_WHERE = (
    "A verdict counts on the data that the text speaks of, from the share of its epochs and the number of "
    "seeds that it takes. Elsewhere the same question is answered under 'on other data', and never counted."
)
_INTERVALS = (
    "Intervals are Student's t, which holds for a number of seeds that was fixed before any result was seen. "
    "Runs made by --until=decided, whose number depends on results, have wider ones that hold at any time "
    "(the normal-mixture t process), those made by --until=looks ones for looks at 5, 10, 20 and 30 seeds; "
    "their n is marked with *. All are for values near a normal distribution: of skewed readings up to a "
    "fifth of verdicts at 5 seeds may be false. Accuracies of one "
    "condition are taken as logits, which mends that; differences of pairs are symmetric where nothing "
    "differs."
)
_BOTH = (
    "Published: as its author ran it. Controlled: the same, shuffled every epoch and with standardised "
    "inputs. Differences are paired by seed: runs of one seed share initial weights and the images' order."
)


def claims_section(judged: Sequence[Judged]) -> Section:
    """The verdict on every claim of the texts, by both recipes, and a count of verdicts."""
    words = [_HOW, _WHERE, _INTERVALS, _BOTH]
    return verdicts_section(
        "claims", "What the five texts say, and whether it holds", judged, words, _texts(judged)
    )


def verdicts_section(
    name: str, title: str, judged: Sequence[Judged], words: Sequence[str], sources: Table
) -> Section:
    """Claims that are counted together: verdicts, how many would be by chance, what each rests on.

    Args:
      name, title: of the section.
      judged: the claims.
      words: paragraphs behind the counts.
      sources: a table of where the claims come from.
    """
    counts = [
        f"{name}: {', '.join(f'{n} {verdict}' for verdict, n in _counted(judged, name).items())}"
        for name in RECIPES
    ]
    together = chance(judged)
    ordered = sorted(judged, key=_is_open)
    return Section(
        name,
        title,
        [f"{len(judged)} claims. {'; '.join(counts)}.", _by_chance(judged, together), *words],
        [_verdicts_table(ordered, together), _grounds_table(ordered, together), sources],
    )


def _by_chance(judged: Sequence[Judged], together: Chance) -> str:
    """How much of the table would be there if nothing were true."""
    given = [(claim, recipe) for claim, recipe, verdict in _verdicts(judged) if verdict in VERDICTS[:2]]
    surviving = sum(together.survives(*one) for one in given)
    return (
        f"{together.asked} questions are asked of runs that can answer them: if nothing were true, at most "
        f"{together.by_chance:.1f} would be supported or contradicted by chance. {len(given)} are, and "
        f"{surviving} of these survive correction for the number of questions (Benjamini and Hochberg: p "
        f"among all below 0.05), marked {MARK}."
    )


def _verdicts(judged: Sequence[Judged]) -> list[tuple[str, str, Verdict]]:
    """Claim, recipe and the verdict that counts."""
    return [
        (claim_of(by_recipe).name, name, overall_verdict(by_recipe[name])[0])
        for by_recipe in judged
        for name in RECIPES
    ]


def overall_verdict(judgements: Sequence[Judgement]) -> tuple[Verdict, str]:
    """A claim's verdict by one recipe, and why it is neither supported nor contradicted.

    Args:
      judgements: of the claim, what counts first; what is not on its own data counts as not run.
    """
    first = judgements[0]
    return (first.verdict, first.why) if first.on_its_data else ("not run", "")


def _is_open(by_recipe: Judged) -> bool:
    return all(overall_verdict(by_recipe[name])[0] == "not run" for name in RECIPES)


def _texts(judged: Sequence[Judged]) -> Table:
    """The texts themselves, by the names of their experiments."""
    claimed = [claim_of(by_recipe).source for by_recipe in judged]
    rows = [
        [
            text(name),
            TableCell(source.about, link=source.link),
            text(source.appeared),
            text(source.ran),
            number(claimed.count(name)),
        ]
        for name, source in studies_of("text").items()
    ]
    return Table("The texts", ("text", "title", "where and when", "what it ran", "claims"), rows)


def _counted(judged: Sequence[Judged], recipe: str) -> dict[str, int]:
    verdicts = [overall_verdict(by_recipe[recipe])[0] for by_recipe in judged]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def _verdicts_table(judged: Sequence[Judged], together: Chance) -> Table:
    """What was said and what these runs answer: as many columns as a screen has room for."""
    columns = ["claim", "what was said"]
    for name in RECIPES:
        columns += [f"verdict, {name}", f"ours, {name}"]
    columns += ["on other data", "data", "text"]
    rows = [_verdicts_row(by_recipe, together) for by_recipe in judged]
    return Table("Claims and verdicts", columns, rows, _MARKED, filters=_FILTERS)


def _verdicts_row(by_recipe: Judged, together: Chance) -> list[TableCell]:
    claim = claim_of(by_recipe)
    row = [text(claim.name), text(" ".join(filter(None, [claim.said, claim.note and f"({claim.note})"])))]
    for name in RECIPES:
        first = by_recipe[name][0]
        verdict, _ = overall_verdict(by_recipe[name])
        mark = f" {MARK}" if verdict in VERDICTS[:2] and together.survives(claim.name, name) else ""
        row += [verdict_cell(verdict), text(_ours(first) + mark if first.on_its_data else "-")]
    return [*row, text(_elsewhere(by_recipe)), text(_ran_on(by_recipe)), text(claim.source)]


def _ran_on(by_recipe: Judged) -> str:
    """The data sets of the runs that answer it, by their names."""
    runs = (run for name in RECIPES for judgement in by_recipe[name] for run in judgement.runs[:1])
    return "; ".join(sorted({run.data["name"] for run in runs})) or "-"


def _grounds_table(judged: Sequence[Judged], together: Chance) -> Table:
    """In the same order: the published numbers, where they stand, what it takes, and the part of chance."""
    chances = [f"p among all, {name}" for name in RECIPES]
    columns = ["claim", "published value", "place", "speaks of", *chances]
    rows = [_grounds_row(claim_of(by_recipe), together) for by_recipe in judged]
    return Table("What claims speak of, and what is left to chance", columns, rows)


def _grounds_row(claim: Claim, together: Chance) -> list[TableCell]:
    values = list(dict.fromkeys(one.published for one in claim.contrasts if one.published))
    chances = [number(together.corrected.get((claim.name, name)), ".2g") for name in RECIPES]
    return [text(claim.name), text(_listed(values)), text(claim.place), text(_bound(claim)), *chances]


def claim_of(by_recipe: Judged) -> Claim:
    """The claim that was judged."""
    return by_recipe[RECIPES[0]][0].claim


def _bound(claim: Claim) -> str:
    """The data it speaks of, and the least that can show it."""
    if claim.unmeasured:
        return "-"
    least = f"{claim.least_epochs} of {claim.epochs} epochs, {claim.least_seeds} seeds"
    return f"{data_of_claim(claim).told}; at least {least}"


def _elsewhere(by_recipe: Judged) -> str:
    """What runs on other data say, by recipe."""
    told = []
    for name in RECIPES:
        others = [one for one in by_recipe[name] if not one.on_its_data and one.verdict != "not run"]
        told += [f"{name}: {one.verdict}, {_ours(one)}" for one in others[:2]]
    return "; ".join(told) or "-"


def _listed(values: Sequence[str]) -> str:
    """The first two, and how many more there are."""
    more = [f"and {len(values) - 2} more"] if len(values) > 2 else []
    return "; ".join([*values[:2], *more]) or "no number"


def _ours(judgement: Judgement) -> str:
    """One contrast in numbers, several by how many of them hold; the data set; and what is missing."""
    if judgement.claim.unmeasured:
        return judgement.claim.unmeasured
    if judgement.verdict == "not run":
        return "; ".join(filter(None, ["-", left_out(judgement)]))
    time = _time(judgement.seconds_to_decide) if judgement.verdict == "open" else ""
    told = [_numbers(judgement), judgement.setting, judgement.why, time]
    return "; ".join(filter(None, told))


def _numbers(judgement: Judgement) -> str:
    if len(judgement.found) == 1:
        [found] = judgement.found
        return f"{_value(found, judgement)}, asked: {expected_text(found.contrast)}" if found.estimate else ""
    verdicts = [found.verdict for found in judgement.found]
    told = [f"{verdicts.count(verdict)} {verdict}" for verdict in VERDICTS]
    return f"{len(verdicts)} contrasts: {', '.join(one for one in told if not one.startswith('0 '))}"


def _time(seconds: float | None) -> str:
    """Of the seeds that are missing, at the pace of the runs that there are."""
    if seconds is None:
        return ""
    hours, minutes = seconds / 3600, seconds / 60
    told = f"{hours:.0f} h" if hours >= 2 else f"{minutes:.0f} min" if minutes >= 2 else f"{seconds:.0f} s"
    return f"{told} of training, at the pace of these runs"


def _value(found: Found, judgement: Judgement) -> str:
    assert found.estimate
    form, unit = number_form(found.contrast), READINGS[found.contrast.reading].unit
    ours = cut_to_possible(found.contrast, found.estimate)
    mark = any_time_mark(judgement)
    return f"{ours.mean:{form}} {unit} {interval_text(ours, form)}{mark}"
