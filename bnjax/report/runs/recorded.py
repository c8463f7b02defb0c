"""Recorded runs, read back from a folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnjax import records
from bnjax.studies import guessed_study

#: Settings without which a run cannot be told from another.
_NEEDED = {"model", "placement", "dataset", "recipe", "epochs", "seed"}


@dataclass(frozen=True)
class RecordedRun:
    """What one metrics.jsonl holds: its ``run`` record, its epochs, and its summary once it has one."""

    run: dict[str, Any]
    epochs: list[dict[str, Any]]
    summary: dict[str, Any] | None

    @property
    def study(self) -> str:
        """The name of the study that it belongs to; empty where there is none."""
        return self.run["study"]


def of_study(runs: Iterable[RecordedRun], study: str) -> list[RecordedRun]:
    """The runs that belong to a study, by its name."""
    return [run for run in runs if run.study == study]


def load_runs(directory: Path) -> list[RecordedRun]:
    """Every run below a folder, in the order of their folders' names.

    Raises:
      RecordError: a file is damaged.
    """
    found = (_run(records.read(path)) for path in sorted(directory.rglob(records.FILE_NAME)))
    return [run for run in found if run]


def load_sound_runs(directory: Path) -> tuple[list[RecordedRun], list[str]]:
    """Every run below a folder that can be read, and a line for people about each thing that cannot."""
    runs, problems = [], []
    for path in sorted(directory.rglob(records.FILE_NAME)):
        sound, bad = records.read_sound(path)
        run = _run(sound)
        lacking = sorted(_NEEDED - run.run["config"].keys()) if run else []
        if lacking:
            bad = [*bad, f"{path}: the run's config lacks {', '.join(lacking)}"]
        elif run:
            runs.append(run)
        elif not bad:
            bad = [f"{path}: no record of kind run"]
        problems += bad
    return runs, problems


def _run(sound: Iterable[dict[str, Any]]) -> RecordedRun | None:
    kinds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in records.SCHEMA}
    for record in sound:
        kinds[record["kind"]].append(record)
    if not kinds["run"]:
        return None
    summary = kinds["summary"][-1] if kinds["summary"] else None
    run = kinds["run"][0]
    study = run.get("study", None)
    if study is None:  # an earlier bnjax did not name it
        study = guessed_study(run["config"]) if run["config"].keys() >= _NEEDED else ""
    return RecordedRun({**run, "study": study}, kinds["epoch"], summary)
