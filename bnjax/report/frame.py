"""Recorded runs as one tidy pandas DataFrame."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnjax import records
from bnjax.report.recorded import RecordedRun, load_sound_runs

if TYPE_CHECKING:
    import pandas

_COUNTS = ("silent", "flat", "units")
_NOT_METRICS = {"schema", "kind", "run_id", "dying", "train_batch_accuracy"}
_METRICS = [name for name in records.SCHEMA["epoch"] if name not in _NOT_METRICS]


class LeftOut(UserWarning):
    """A file, or a line of it, that is no record and is left out."""


def frame_of_folder(directory: Path) -> "pandas.DataFrame":
    """See :func:`bnjax.report.load`."""
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is not a folder of runs")
    runs, problems = load_sound_runs(directory)
    for problem in problems:
        warnings.warn(problem, LeftOut, stacklevel=3)
    return frame_of(runs)


def frame_of(runs: Iterable[RecordedRun]) -> "pandas.DataFrame":
    """A row for each run and epoch, in the runs' order."""
    import pandas

    frame = pandas.DataFrame([row for run in runs for row in _rows(run)])
    numbers = [
        name for name in _METRICS if name in frame and frame[name].dtype == object and name != "status"
    ]
    return frame.astype(dict.fromkeys(numbers, float))  # a column of nulls alone is no column of numbers


def _rows(run: RecordedRun) -> Iterator[dict[str, Any]]:
    told = run.run
    shared = {
        "run_id": told["run_id"],
        **told["config"],
        "data": told["data"].get("name"),
        "data_version": told["data"].get("version"),
        "encoding": told["data"].get("encoding"),
        "device": told["device"].get("kind"),
        "git_commit": told["git_commit"],
        "run_status": run.summary["status"] if run.summary else "unfinished",
    }
    for epoch in run.epochs:
        row = {**shared, **{name: epoch.get(name) for name in _METRICS}}
        for name, value in epoch.get("train_batch_accuracy", {}).items():
            row[f"train_batch_accuracy:{name}"] = value
        for count in _COUNTS:
            row[count] = sum(site[count] for site in epoch["dying"].values())
            row |= {f"{count}:{site}": counts[count] for site, counts in epoch["dying"].items()}
        yield row
