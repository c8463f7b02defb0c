"""Claims and their verdicts as tables."""

from collections.abc import Mapping, Sequence

from bnjax.report.page.document import Cell, Section, Table, interval_text, number, text
from bnjax.report.runs.readings import READINGS
from bnjax.report.sections.provenance import provenance
from bnjax.report.sections.verdict import Found, Judgement, Verdict
from bnjax.stats.intervals import Estimate, possible
from bnjax.studies import RECIPES, STUDIES
from bnjax.studies.claim import Contrast

#: Recipe -> what was judged, what answers most first.
Judged = Mapping[str, Sequence[Judgement]]

_FORMS = {"nats": "+.4f", "points": "+.2f", "units": ".1f", "epochs": "+.1f"}
#: Columns by which the page lets rows be chosen.
_FILTERS = ("text", *(f"verdict, {name}" for name in RECIPES))
#: In the order in which a table sorts them, and in which they are counted.
_VERDICTS: tuple[Verdict, ...] = ("contradicted", "inconclusive", "supported", "not run")
_TOLD: tuple[Verdict, ...] = ("supported", "contradicted", "inconclusive", "not run")
_HOW = (
    "A claim is supported if all of its contrasts are: the 95% interval over seeds (Student's t) lies wholly "
    "where the text says. It is contradicted if one of them lies wholly elsewhere, by an interval "
    "widened for their number (Bonferroni). One seed decides nothing. The number of claims corrects nothing."
)
_BOTH = (
    "Published: as its author ran it. Controlled: the same, shuffled every epoch and with standardised "
    "inputs. Differences are paired by seed: runs of one seed share initial weights and the images' order."
)


def claims_section(judged: Sequence[Judged]) -> Section:
    """The verdict on every claim, by both recipes, and a count of verdicts."""
    counts = [
        f"{name}: {', '.join(f'{n} {verdict}' for verdict, n in _counted(judged, name).items())}"
        for name in RECIPES
    ]
    columns = ["claim", "what was said"]
    for name in RECIPES:
        columns += [f"verdict, {name}", f"ours, {name}"]
    columns += ["published value", "text", "place"]
    rows = [_claim_row(by_recipe) for by_recipe in sorted(judged, key=_is_open)]
    return Section(
        "claims",
        "What the five texts say, and whether it holds",
        [f"{len(judged)} claims. {'; '.join(counts)}.", _HOW, _BOTH],
        [Table("Claims and verdicts", columns, rows, filters=_FILTERS), _texts(judged)],
    )


def _is_open(by_recipe: Judged) -> bool:
    return all(by_recipe[name][0].verdict == "not run" for name in RECIPES)


def _texts(judged: Sequence[Judged]) -> Table:
    """The texts themselves, by the names of their experiments."""
    claimed = [by_recipe[RECIPES[0]][0].claim.source for by_recipe in judged]
    rows = [
        [
            text(name),
            Cell(source.about, link=source.link),
            text(source.appeared),
            text(source.ran),
            number(claimed.count(name)),
        ]
        for name, source in STUDIES.items()
    ]
    return Table("The texts", ("text", "title", "where and when", "what it ran", "claims"), rows)


def _counted(judged: Sequence[Judged], recipe: str) -> dict[str, int]:
    verdicts = [by_recipe[recipe][0].verdict for by_recipe in judged]
    return {verdict: verdicts.count(verdict) for verdict in _TOLD}


def _claim_row(by_recipe: Judged) -> list[Cell]:
    claim = by_recipe[RECIPES[0]][0].claim
    values = list(dict.fromkeys(one.published for one in claim.contrasts if one.published))
    row = [text(claim.name), text(claim.said)]
    for name in RECIPES:
        first = by_recipe[name][0]
        row += [
            Cell(first.verdict, _VERDICTS.index(first.verdict), f"verdict {first.verdict}"),
            text(_ours(first)),
        ]
    return [*row, text(_listed(values)), text(claim.source), text(claim.place)]


def _listed(values: Sequence[str]) -> str:
    """The first two, and how many more there are."""
    more = [f"and {len(values) - 2} more"] if len(values) > 2 else []
    return "; ".join([*values[:2], *more]) or "no number"


def _ours(judgement: Judgement) -> str:
    """One contrast in numbers, several by how many of them hold; and the data set."""
    if judgement.claim.unmeasured:
        return judgement.claim.unmeasured
    if judgement.verdict == "not run":
        return "; ".join(filter(None, ["-", _left_out(judgement)]))
    if len(judgement.found) == 1:
        return f"{_value(judgement.found[0])}; {judgement.setting}"
    verdicts = [found.verdict for found in judgement.found]
    told = [f"{verdicts.count(verdict)} {verdict}" for verdict in _TOLD]
    counts = ", ".join(one for one in told if not one.startswith("0 "))
    return f"{len(verdicts)} contrasts: {counts}; {judgement.setting}"


def _form(contrast: Contrast) -> str:
    form = _FORMS[READINGS[contrast.reading].unit]
    return form if len(contrast.weights) > 1 else form.lstrip("+")


def _value(found: Found) -> str:
    if found.estimate is None:
        return "-"
    form, unit = _form(found.contrast), READINGS[found.contrast.reading].unit
    ours = _possible(found.contrast, found.estimate)
    return f"{ours.mean:{form}} {unit} {interval_text(ours, form)}"


def _possible(contrast: Contrast, ours: Estimate) -> Estimate:
    """A condition's own level cut to what it may be; a difference as it is."""
    return ours if len(contrast.weights) > 1 else possible(ours, READINGS[contrast.reading].unit)


def _left_out(judgement: Judgement) -> str:
    return ", ".join(f"{count} {why}" for why, count in sorted(judgement.left_out.items()))


def contrasts_section(judged: Sequence[Judged]) -> Section:
    """Every contrast that was run, under every recipe, data set and number of epochs."""
    columns = (
        "claim",
        "recipe",
        "data set, epochs",
        "contrast",
        "reading",
        "expected",
        "published",
        "ours",
        "from",
        "to",
        "bootstrap from",
        "bootstrap to",
        "n",
        "reaches the published size",
        "verdict",
        "left out",
        "rests on",
    )
    rows = [
        _contrast_row(judgement, found, found.estimate, found.resampled)
        for by_recipe in judged
        for name in RECIPES
        for judgement in by_recipe[name]
        for found in judgement.found
        if found.estimate and found.resampled
    ]
    note = (
        "from, to: 95% interval by Student's t, which verdicts rest on; the bootstrap's is narrower than it "
        "should be for few seeds. n: seeds that have every condition of the contrast."
    )
    return Section(
        "contrasts",
        "Every contrast",
        [note],
        [Table("Contrasts", columns, rows, filters=("recipe", "data set, epochs", "verdict"))]
        if rows
        else [],
    )


def _contrast_row(judgement: Judgement, found: Found, ours: Estimate, resampled: Estimate) -> list[Cell]:
    contrast = found.contrast
    form, unit = _form(contrast), READINGS[contrast.reading].unit
    ours = _possible(contrast, ours)
    met = {None: "-", True: "yes", False: "no"}[found.size_met]
    return [
        text(judgement.claim.name),
        text(judgement.recipe),
        text(judgement.setting),
        text(contrast.name),
        text(f"{READINGS[contrast.reading].label}, {unit}"),
        text(expected_text(contrast)),
        text(contrast.published or "-"),
        *(number(value, form) for value in (ours.mean, ours.low, ours.high, resampled.low, resampled.high)),
        number(ours.n),
        text(met),
        Cell(found.verdict, _VERDICTS.index(found.verdict), f"verdict {found.verdict}"),
        text(_left_out(judgement) or "-"),
        text(provenance(found.runs)),
    ]


def expected_text(contrast: Contrast) -> str:
    """``lower than 0``, ``alike: 0 within 0.2``."""
    against = f"{contrast.against:g}"
    return {
        "lower": f"lower than {against}",
        "higher": f"higher than {against}",
        "alike": f"alike: {against} within {contrast.margin:g}",
        "not lower": f"not lower than {contrast.against - contrast.margin:g}",
        "not higher": f"not higher than {contrast.against + contrast.margin:g}",
    }[contrast.expected]


def commands_section(judged: Sequence[Judged]) -> Section:
    """What would run the claims that were not run."""
    rows = []
    for by_recipe in judged:
        for name in RECIPES:
            first = by_recipe[name][0]
            if any(found.verdict == "not run" for found in first.found):
                command = first.claim.command(name)
                told = command or "no experiment runs this network yet"
                rows.append(
                    [text(first.claim.name), text(name), Cell(told, None, "command" if command else "")]
                )
    seen = len({row[2].text for row in rows if row[2].kind})
    intro = (
        f"{len(rows)} are missing; {seen} different commands would run them (--dry_run: how long it takes)."
    )
    tables = [Table("Not run", ("claim", "recipe", "command"), rows)] if rows else []
    return Section("missing", "What was not run", [intro if rows else "Nothing is missing."], tables)
