"""Every condition that was run, on any data: how accurate it is, and how many of its runs count."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bnjax.report.page.document import Cell, Section, Table, mean_cell, number, text
from bnjax.report.runs.readings import read
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import best_first, bound_settings, config_of, cut, length_told
from bnjax.report.sections.provenance import condition_of
from bnjax.report.verdicts.cell import why_not_whole
from bnjax.stats.intervals import estimate, possible

_READINGS = {
    "best_accuracy": ("best test accuracy", "%", ".2f"),
    "final_accuracy": ("final test accuracy", "%", ".2f"),
    "lowest_loss": ("lowest test loss", "nats", ".4f"),
    "final_loss": ("final test loss", "nats", ".4f"),
}
_COLUMNS = (
    *("condition", "recipe", "data set", "epochs", "n"),
    *(f"{title}, {unit}" for title, unit, _ in _READINGS.values()),
    "left out",
)
_DATA_FACTS = ("name", "version", "encoding", "image_shape", "train_images", "test_images", "classes")
_NOTE = (
    "Means over n seeds with 95% intervals (Student's t); test accuracies in percent, test losses in nats. "
    "Left out: runs that did not come to their last epoch with finite losses."
)


class _Named(NamedTuple):
    """What tells a condition's rows apart, for people; rows are sorted by it."""

    data: str
    epochs: int
    condition: str
    recipe: str
    length: str


@dataclass
class _Condition:
    """Runs that differ in their seeds alone: those that count, and why -> how many others."""

    named: _Named
    by_seed: dict[int, RecordedRun] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def add(self, run: RecordedRun, epochs: int) -> None:
        why = why_not_whole(run, epochs)
        if why:
            self.left_out[why] = self.left_out.get(why, 0) + 1
        else:
            self.by_seed.setdefault(run.run["config"]["seed"], cut(run, epochs))


def conditions_section(runs: Sequence[RecordedRun], epoch: int | None = None) -> Section:
    """A row for each condition on each data set, whether any of its runs counts or not.

    Args:
      runs: of any experiment.
      epoch: the last that counts; None: all.
    """
    rows = [_row(condition) for condition in sorted(_conditions(runs, epoch), key=lambda one: one.named)]
    return Section("conditions", "Every condition", [_NOTE], [Table("Conditions", _COLUMNS, rows)])


def _conditions(runs: Iterable[RecordedRun], epoch: int | None) -> Iterable[_Condition]:
    conditions: dict[str, _Condition] = {}
    for run in best_first(runs):
        config, data = config_of(run), run.run["data"]
        epochs = epoch or config.epochs
        facts = {name: data.get(name) for name in _DATA_FACTS}
        key = json.dumps([epochs, facts, bound_settings(config)], sort_keys=True)
        named = _Named(
            f"{data.get('name')} {data.get('version') or ''} ({data.get('encoding')})",
            epochs,
            condition_of(run),
            config.recipe,
            length_told(config, epochs),
        )
        conditions.setdefault(key, _Condition(named)).add(run, epochs)
    return conditions.values()


def _row(condition: _Condition) -> list[Cell]:
    named, runs = condition.named, condition.by_seed.values()
    cells = [text(named.condition), text(named.recipe), text(named.data), Cell(named.length, named.epochs)]
    cells.append(number(len(runs)))
    for name, (_, unit, form) in _READINGS.items():
        values = [value for run in runs if (value := read(name, run)) is not None]
        cells.append(mean_cell(possible(estimate(values), unit) if values else None, form))
    left_out = ", ".join(f"{count} {why}" for why, count in sorted(condition.left_out.items()))
    return [*cells, text(left_out or "-")]
