"""Placements of VGG7 as tables of the report: ranked, and the effects of sites and of pairs of them."""

from collections.abc import Mapping, Sequence

from bnjax.architectures.vgg7 import VGG7_SITES
from bnjax.report.page.document import Section, Table, TableCell, mean_cell, number, text
from bnjax.report.runs.readings import READINGS
from bnjax.report.sections.provenance import provenance
from bnjax.report.sections.vgg7 import Group, effects_left_out
from bnjax.stats.effects import Factor, grid_effects
from bnjax.stats.intervals import Estimate, possible
from bnjax.stats.ranking import RankedCondition, standings
from bnjax.studies.vgg7 import PICK, PLAIN

_RANK_COLUMNS = (
    "placement",
    "rank",
    "rank from",
    "rank to",
    "lowest test loss, nats",
    "bootstrap from",
    "bootstrap to",
    "n",
    "minus without norms",
    "p (Holm)",
    "probability of beating no norms",
)
_EFFECT_READINGS = ("lowest_loss", "final_loss", "best_accuracy", "overfitting")
_NOTE = (
    "Ranks: of the seeds that every placement has, from and to by resampling them. Differences are paired by "
    "seed; p is of the paired t test, corrected for all placements of the table after Holm. Probability: how "
    "often a run beats a run without norms, ties counting half."
)
_EFFECTS_NOTE = (
    "With a norm minus without one, over all that the other sites have; a pair's interaction is what a norm "
    "at one changes of the other's effect. 95% intervals over seeds (Student's t), uncorrected."
)


def grid_sections(groups: Sequence[Group]) -> list[Section]:
    """A section for each group of runs that can be compared."""
    return [
        Section(
            f"vgg7-{group.slug}",
            f"Placements: {group.title}",
            [f"{provenance(group.runs)}; {len(group.left_out)} left out, unfinished or diverged."],
            [_ranked(group), *_effects(group)],
        )
        for group in groups
        if group.found
    ]


def _values(group: Group, reading: str) -> dict[str, dict[int, float]]:
    return {code: group.values(code, READINGS[reading].read) for code in group.found}


def _ranked(group: Group) -> Table:
    ranked = standings(_values(group, "lowest_loss"), PLAIN)
    return Table(
        "Placements by their lowest test loss", _RANK_COLUMNS, [_row(c, s) for c, s in ranked.items()], _NOTE
    )


def _row(code: str, standing: RankedCondition) -> list[TableCell]:
    rank = standing.rank
    names = {PICK: f"{code} (published pick)", PLAIN: f"{code} (no norms)"}
    ranks = [number(value, "g") for value in (rank.rank, rank.low, rank.high)] if rank else [number(None)] * 3
    return [
        text(names.get(code, code)),
        *ranks,
        mean_cell(possible(standing.mean, "nats")),
        number(standing.resampled.low, ".4f"),
        number(standing.resampled.high, ".4f"),
        number(standing.mean.n),
        mean_cell(standing.difference, "+.4f"),
        number(standing.corrected, ".3g"),
        mean_cell(standing.better, ".2f"),
    ]


def _effects(group: Group) -> list[Table]:
    """Two tables where most of the grid was run: sites, and pairs of sites."""
    if not group.has_grid():
        return []
    effects = {name: grid_effects(_values(group, name), VGG7_SITES) for name in _EFFECT_READINGS}
    note = " ".join(filter(None, [_EFFECTS_NOTE, effects_left_out(group)]))
    tables = [
        _effects_table("What a norm at a site changes", effects, 1, note),
        _effects_table("What norms at two sites change together, beyond each alone", effects, 2, note),
    ]
    return [table for table in tables if table.rows]


def _effects_table(title: str, found: Mapping[str, Mapping[Factor, Estimate]], size: int, note: str) -> Table:
    factors = [factor for factor in found[_EFFECT_READINGS[0]] if len(factor) == size]
    columns = ["BN at", *(f"{READINGS[name].label}, {READINGS[name].unit}" for name in found)]
    rows = [[text(" and ".join(f)), *(mean_cell(found[n].get(f), "+.4f") for n in found)] for f in factors]
    return Table(title, columns, rows, note)
