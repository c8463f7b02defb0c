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


def contrasts_section(judged: Sequence[Judged]) -> Section:
    """Every contrast that was run, under every recipe, data set and number of epochs."""
    columns = (
        "claim",
        "recipe",
        "data set, epochs",
        "counts",
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
        "through fresh statistics",
        "verdict through them",
        "reaches the published size",
        "verdict",
        "why",
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
        "from, to: the 95% interval that verdicts rest on; n: seeds that have every condition of the "
        "contrast, with * where the interval holds at any time. Below ten seeds the bootstrap has none. "
        "counts: whether it is on data that the claim speaks of. Verdicts rest on what a user would deploy; "
        "through fresh statistics is what the weights know."
    )
    table = Table("Contrasts", columns, rows, filters=("recipe", "data set, epochs", "verdict"))
    return Section("contrasts", "Every contrast", [note], [table] if rows else [])


def _contrast_row(judgement: Judgement, found: Found, ours: Estimate, resampled: Estimate) -> list[TableCell]:
    contrast = found.contrast
    form, unit = number_form(contrast), READINGS[contrast.reading].unit
    ours = cut_to_possible(contrast, ours)
    met = {None: "-", True: "yes", False: "no"}[found.size_met]
    return [
        text(judgement.claim.name),
        text(judgement.recipe),
        text(judgement.setting),
        text("yes" if judgement.on_its_data else "no, other data"),
        text(contrast.name),
        text(f"{READINGS[contrast.reading].label}, {unit}"),
        text(expected_text(contrast)),
        text(contrast.published or "-"),
        *(number(value, form) for value in (ours.mean, ours.low, ours.high, resampled.low, resampled.high)),
        TableCell(f"{ours.n}{any_time_mark(judgement)}", ours.n),
        *_fresh_cells(found, form, contrast),
        text(met),
        verdict_cell(found.verdict),
        text(found.decision.why or "-"),
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
            if not first.on_its_data or any(found.verdict == "not run" for found in first.found):
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
