"""Every contrast in numbers, and the commands that would run what is missing."""

from collections.abc import Sequence

from bnjax.report.page.document import Section, Table, TableCell, mean_cell, number, text
from bnjax.report.runs.readings import READINGS
from bnjax.report.sections.provenance import provenance
from bnjax.report.sections.verdict_cells import (
    any_time_mark,
    cut_to_possible,
    expected_text,
    left_out,
    number_form,
    verdict_cell,
)
from bnjax.report.verdicts.chance import Judged
from bnjax.report.verdicts.judgement import Found, Judgement
from bnjax.stats import Estimate
from bnjax.studies import RECIPES
from bnjax.studies.claim import Contrast

#: What both tables tell a contrast by, in the same order.
_NAMES = ("claim", "recipe", "data set, epochs", "contrast")
_FILTERS = ("recipe", "data set, epochs", "verdict")
_NOTE = (
    "from, to: the 95% interval that verdicts rest on; n: seeds that have every condition of the contrast, "
    "with * where the interval allows for looks at results. counts: whether it is on data that the claim "
    "speaks of."
)
_MORE_NOTE = (
    "Verdicts rest on what a user would deploy; through fresh statistics is what the weights know. Below ten "
    "seeds the bootstrap has no interval."
)


def contrasts_section(judged: Sequence[Judged]) -> Section:
    """Every contrast that was run, under every recipe, data set and number of epochs."""
    contrasts = [
        (judgement, found, found.estimate)
        for by_recipe in judged
        for name in RECIPES
        for judgement in by_recipe[name]
        for found in judgement.found
        if found.estimate and found.resampled
    ]
    columns = (*_NAMES, "reading", "expected", "ours", "from", "to", "n", "verdict", "why", "counts")
    more = (
        *_NAMES,
        *("published", "reaches the published size", "bootstrap from", "bootstrap to"),
        *("through fresh statistics", "verdict through them", "left out", "rests on"),
    )
    tables = [
        Table("Contrasts", columns, [_row(*one) for one in contrasts], _NOTE, _FILTERS),
        Table("What contrasts rest on", more, [_grounds(*one) for one in contrasts], _MORE_NOTE, _FILTERS),
    ]
    return Section("contrasts", "Every contrast", [], tables if contrasts else [])


def _names(judgement: Judgement, found: Found) -> list[TableCell]:
    told = (judgement.claim.name, judgement.recipe, judgement.setting, found.contrast.name)
    return [text(one) for one in told]


def _row(judgement: Judgement, found: Found, ours: Estimate) -> list[TableCell]:
    """What was asked, the number, and the verdict."""
    contrast = found.contrast
    form, unit = number_form(contrast), READINGS[contrast.reading].unit
    ours = cut_to_possible(contrast, ours)
    return [
        *_names(judgement, found),
        text(f"{READINGS[contrast.reading].label}, {unit}"),
        text(expected_text(contrast)),
        *(number(value, form) for value in (ours.mean, ours.low, ours.high)),
        TableCell(f"{ours.n}{any_time_mark(judgement)}", ours.n),
        verdict_cell(found.verdict),
        text(found.decision.why or "-"),
        text("yes" if judgement.on_its_data else "no, other data"),
    ]


def _grounds(judgement: Judgement, found: Found, ours: Estimate) -> list[TableCell]:
    """The same by other means, what was published, and the runs."""
    contrast, form = found.contrast, number_form(found.contrast)
    met = {None: "-", True: "yes", False: "no"}[found.size_met]
    assert found.resampled
    return [
        *_names(judgement, found),
        text(contrast.published or "-"),
        text(met),
        *(number(value, form) for value in (found.resampled.low, found.resampled.high)),
        *_fresh_cells(found, form, contrast),
        text(left_out(judgement) or "-"),
        text(provenance(found.runs)),
    ]


def _fresh_cells(found: Found, form: str, contrast: Contrast) -> list[TableCell]:
    """The same through fresh statistics; dashes where the runs were not measured so."""
    if not found.fresh or not found.fresh.ours:
        return [text("-"), text("-")]
    return [mean_cell(cut_to_possible(contrast, found.fresh.ours), form), verdict_cell(found.fresh.verdict)]


def commands_section(judged: Sequence[Judged]) -> Section:
    """What would run the claims that were not run."""
    rows = []
    for by_recipe in judged:
        for name in RECIPES:
            first = by_recipe[name][0]
            if not first.on_its_data or any(contrast.verdict == "not run" for contrast in first.found):
                command = first.claim.command(name)
                told = command or "no experiment runs this network yet"
                rows.append(
                    [text(first.claim.name), text(name), TableCell(told, None, "command" if command else "")]
                )
    seen = len({row[2].text for row in rows if row[2].kind})
    intro = (
        f"{len(rows)} are missing; {seen} different commands would run them (--dry_run: how long it takes)."
    )
    tables = [Table("Not run", ("claim", "recipe", "command"), rows)] if rows else []
    return Section("missing", "What was not run", [intro if rows else "Nothing is missing."], tables)
