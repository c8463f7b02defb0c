"""Recorded runs, read back from a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnjax import records


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
    runs = []
    for path in sorted(directory.rglob(records.FILE_NAME)):
        kinds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in records.SCHEMA}
        for record in records.read(path):
            kinds[record["kind"]].append(record)
        if kinds["run"]:
            summary = kinds["summary"][-1] if kinds["summary"] else None
            runs.append(RecordedRun(kinds["run"][0], kinds["epoch"], summary))
    return runs
