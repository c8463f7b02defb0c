"""Recorded runs, read back from a folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnjax import records

#: Settings without which a run cannot be told from another.
_NEEDED = {"model", "placement", "dataset", "recipe", "epochs", "seed"}


@dataclass(frozen=True)
class RecordedRun:
    """What one metrics.jsonl holds: its ``run`` record, its epochs, and its summary once it has one."""

    run: dict[str, Any]
    epochs: list[dict[str, Any]]
    summary: dict[str, Any] | None


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
    return RecordedRun(kinds["run"][0], kinds["epoch"], summary)


def total(dying: dict[str, dict[str, Any]], count: str) -> int | None:
    """A count of units over all sites of an epoch that have it; None where none of them has.

    Args:
      dying: as an epoch's record holds it.
      count: ``silent``, ``units``, or ``flat``, which is null where a kernel is not trained.
    """
    counted = [site[count] for site in dying.values() if site[count] is not None]
    return sum(counted) if counted or not dying else None
