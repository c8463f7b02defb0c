"""Tables in Markdown, from recorded runs."""

import dataclasses
import itertools
import statistics
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import runs_of
from bnjax.stats.intervals import Estimate
from bnjax.studies import RECIPES, recipe
from bnjax.studies.cifar10_logs import LOGGED_ACCURACY

_CIFAR10_COLUMNS = (
    "placement",
    "dropout",
    "author (1)",
    "published (n)",
    "difference",
    "controlled (n)",
    "silent, published",
    "silent, controlled",
)
_FINDING_COLUMNS = ("published", "condition", "what", "ours", "95% interval", "n")
#: unit -> how its means and the ends of their intervals are written; differences bear their sign.
_FORMATS = {"%": (".2f", ".2f"), "points": ("+.2f", ".2f"), "nats": ("+.4f", ".4f")}


class Finding(NamedTuple):
    """A row of the table: what was said of a condition, and what we measured."""

    said: str
    condition: str
    what: str
    ours: Estimate
    unit: str


def cifar10_table(runs: Sequence[RecordedRun], epoch: int) -> str:
    """Test accuracy of the twelve conditions of the CIFAR-10 experiment after so many epochs.

    A row has its author's logged accuracy beside our mean over seeds under both recipes, with how many runs
    there are, and the mean number of silent units of the 1,024 in ``fc/dense1``; ``-`` where nothing was
    recorded. Only runs count that differ from their recipe in nothing but condition, seed and epochs.
    """
    lines = [row(_CIFAR10_COLUMNS), row(["---"] * len(_CIFAR10_COLUMNS))]
    for (placement, dropout), logged in LOGGED_ACCURACY.items():
        published, controlled = (
            [run.epochs[epoch - 1] for run in _runs_of_condition(runs, placement, dropout, name, epoch)]
            for name in RECIPES
        )
        ours, author = _mean(published, _accuracy), logged.get(epoch)
        difference = "-" if ours is None or author is None else f"{ours - author:+.4f}"
        cells = [placement, str(dropout), _shown(author), _with_count(published), difference]
        cells += [_with_count(controlled), _shown(_mean(published, _silent), 0)]
        lines.append(row([*cells, _shown(_mean(controlled, _silent), 0)]))
    return "\n".join(lines)


def cifar10_runs(runs: Sequence[RecordedRun], epoch: int) -> list[RecordedRun]:
    """The runs that :func:`cifar10_table` rests on."""
    asked = itertools.product(LOGGED_ACCURACY, RECIPES)
    return [run for condition, name in asked for run in _runs_of_condition(runs, *condition, name, epoch)]


def _runs_of_condition(
    runs: Sequence[RecordedRun], placement: str, dropout: float, recipe_name: str, epoch: int
) -> list[RecordedRun]:
    """The runs whose epoch counts, whatever their seed and number of epochs."""
    condition = dataclasses.replace(recipe("cifar10", recipe_name), placement=placement, dropout=dropout)
    same = runs_of(runs, condition)
    return [run for run in same if len(run.epochs) >= epoch and run.epochs[epoch - 1]["status"] == "ok"]


def row(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def findings_table(findings: Iterable[Finding]) -> str:
    """Every statement with our mean over seeds, its 95% interval (Student's t) and n, as Markdown."""
    lines = [row(_FINDING_COLUMNS), row(["---"] * len(_FINDING_COLUMNS))]
    for said, condition, what, ours, unit in findings:
        of_mean, of_end = _FORMATS.get(unit, (".1f", ".1f"))
        interval = "-" if ours.low is None else f"{ours.low:{of_end}} to {ours.high:{of_end}}"
        lines.append(row([said, condition, what, f"{ours.mean:{of_mean}} {unit}", interval, str(ours.n)]))
    return "\n".join(lines)


def _accuracy(epoch: dict[str, Any]) -> float:
    return epoch["test_accuracy"]


def _silent(epoch: dict[str, Any]) -> float:
    return epoch["dying"]["fc/dense1"]["silent"]


def _mean(epochs: Sequence[dict[str, Any]], metric: Any) -> float | None:
    return statistics.fmean(map(metric, epochs)) if epochs else None


def _shown(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _with_count(epochs: Sequence[dict[str, Any]]) -> str:
    return f"{_shown(_mean(epochs, _accuracy))} ({len(epochs)})"


def provenance(runs: Sequence[RecordedRun]) -> str:
    """One line that says what numbers rest on: data, devices, versions, commits, seeds."""
    told = {
        "data": "{data[name]} {data[version]}, {data[encoding]}",
        "device": "{device[count]} {device[kind]}",
        "versions": "jax {versions[jax]}, flax {versions[flax]}",
        "commit": "{git_commit:.12}",
        "seeds": "{config[seed]}",
        "epochs": "{config[epochs]}",
    }
    facts = [{**run.run, "git_commit": run.run["git_commit"] or "unknown"} for run in runs]
    values = {name: {text.format(**fact) for fact in facts} for name, text in told.items()}
    parts = [f"{name} {', '.join(sorted(texts, key=_by_number))}" for name, texts in values.items()]
    return "; ".join([f"{len(runs)} runs", *parts])


def _by_number(text: str) -> tuple[int, str]:
    """Sorts 2 before 10, and words after numbers."""
    return (int(text), "") if text.isdecimal() else (sys.maxsize, text)
