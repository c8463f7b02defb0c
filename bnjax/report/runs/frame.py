"""Recorded runs as one tidy pandas DataFrame."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnjax import records
from bnjax.probes import PROBES, Probe
from bnjax.report.page.document import numbered
from bnjax.report.runs.chosen import chosen
from bnjax.report.runs.comparisons import comparisons_of
from bnjax.report.runs.recorded import RecordedRun, load_sound_runs, total, without_mislabelled
from bnjax.schema import BatchAccuracy
from bnjax.settings.config import FIELDS, Config

if TYPE_CHECKING:
    import pandas

_NOT_METRICS = {"schema", "kind", "run_id", "train_batch_accuracy", *PROBES}
_SETTINGS = {field.name for field in FIELDS}
_METRICS = [name for name in records.SCHEMA["epoch"] if name not in _NOT_METRICS]


class LeftOut(UserWarning):
    """A file that cannot be used, or a part of one, and is left out."""


class Mislabelled(UserWarning):
    """A run whose settings are not those of the recipe that it names; it has its rows all the same."""


def frame_of_folder(directory: Path, select: Mapping[str, Any]) -> "pandas.DataFrame":
    """See :func:`bnjax.report.load`."""
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a folder of runs")
    runs, problems = load_sound_runs(directory)
    for problem in problems:
        warnings.warn(problem, LeftOut, stacklevel=3)
    runs = chosen(runs, select)
    for line in without_mislabelled(runs)[1]:
        warnings.warn(line, Mislabelled, stacklevel=3)
    return frame_of(runs)


def _compared(runs: Sequence[RecordedRun]) -> dict[str, dict[str, str]]:
    """Run's id -> columns that say which runs may be averaged."""
    comparisons = comparisons_of(runs)
    titles = numbered(each.title for each in comparisons)
    return {
        run.run_id: {"comparison": title, "condition": condition}
        for title, each in zip(titles, comparisons, strict=True)
        for condition, of_condition in each.conditions.items()
        for run in of_condition
    }


def frame_of(runs: Sequence[RecordedRun]) -> "pandas.DataFrame":
    """A row for each run and epoch, in the runs' order."""
    import pandas

    columns: dict[str, list[Any]] = {}
    rows = 0
    compared = _compared(runs)
    for run in runs:
        for name, values in _columns(run, compared[run.run_id]).items():
            column = columns.setdefault(name, [])
            column += [None] * (rows - len(column)) + values  # earlier runs may lack what this one has
        rows += len(run.epochs)
    frame = pandas.DataFrame({name: c + [None] * (rows - len(c)) for name, c in columns.items()})
    of_probes = {name for probe in PROBES.values() for name in probe.numbers}
    probed = [name for name in frame if name.partition(":")[0] in of_probes]
    numbers = [
        name
        for name in (*_METRICS, *probed)
        if name in frame and frame[name].dtype == object and name != "status"
    ]
    return frame.astype(dict.fromkeys(numbers, float))  # a column of nulls alone is no column of numbers


def _columns(run: RecordedRun, compared: Mapping[str, str]) -> dict[str, list[Any]]:
    """Column -> a value for each epoch; by columns, since a dict for each row takes many times as long."""
    told = run.run
    shared = {
        "run_id": told["run_id"],
        **compared,
        **{name: value for name, value in told["config"].items() if name in _SETTINGS},
        "data": told["data"].get("name"),
        "data_version": told["data"].get("version"),
        "encoding": told["data"].get("encoding"),
        "device": told["device"].get("kind"),
        "git_commit": told["git_commit"],
        "run_status": run.summary["status"] if run.summary else "unfinished",
    }
    epochs = run.epochs
    columns = {name: [value] * len(epochs) for name, value in shared.items()}
    columns |= {name: [epoch.get(name) for epoch in epochs] for name in _METRICS}
    batches: list[Mapping[str, Any]] = [epoch.get("train_batch_accuracy") or {} for epoch in epochs]
    if any(batches):
        for name in BatchAccuracy.__annotations__:
            columns[f"train_batch_accuracy:{name}"] = [of_epoch.get(name) for of_epoch in batches]
    for probe in PROBES.values():
        records_of_probe: list[Any] = [epoch.get(probe.name, {}) for epoch in epochs]
        columns |= _probe_columns(probe, records_of_probe, run.config)
    return columns


def _probe_columns(probe: Probe, found: list[Mapping[str, Any]], config: Config) -> dict[str, list[Any]]:
    """What it records, by site (``silent:fc/dense1``), and where that means anything over all of them.

    What it records of the whole network has one column.
    """
    if not probe.by_site:
        named = probe.numbers if any(found) else ()
        return {name: [of_epoch.get(name) for of_epoch in found] for name in named}
    sites = config.in_network_order(dict.fromkeys(site for of_epoch in found for site in of_epoch))
    columns: dict[str, list[Any]] = {}
    for name in probe.numbers:
        if name in probe.summed:
            columns[name] = [total(of_epoch, name) for of_epoch in found]
        for site in sites:
            columns[f"{name}:{site}"] = [of_epoch.get(site, {}).get(name) for of_epoch in found]
    return columns
