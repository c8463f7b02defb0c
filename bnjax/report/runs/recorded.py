"""Recorded runs, read back from a folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnjax import records
from bnjax.settings.config import Config
from bnjax.studies import guessed_study
from bnjax.studies.study import CONTROLLED

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


def without_mislabelled(runs: Iterable[RecordedRun]) -> tuple[list[RecordedRun], list[str]]:
    """The runs whose settings are those of the recipe that they name, and a line about each other one.

    A run counts as controlled only with the controlled recipe's shuffling and scale. Earlier versions made
    others of ``--vary=recipe=published|controlled``.
    """
    kept, lines = [], []
    for run in runs:
        config = run.run["config"]
        has = {name: config.get(name, getattr(Config, name)) for name in CONTROLLED}
        if config["recipe"] != CONTROLLED["recipe"] or has == CONTROLLED:
            kept.append(run)
            continue
        apart = ", ".join(f"{name} {value}" for name, value in has.items() if value != CONTROLLED[name])
        lines.append(
            f"run {run.run['run_id']} is named controlled but has {apart}; tables of recipes leave it out"
        )
    return kept, lines


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


def total(dying: dict[str, dict[str, Any]], count: str) -> int | None:
    """A count of units over all sites of an epoch that have it; None where none of them has.

    Args:
      dying: as an epoch's record holds it.
      count: ``silent``, ``units``, or ``flat``, which is null where a kernel is not trained.
    """
    counted = [site[count] for site in dying.values() if site[count] is not None]
    return sum(counted) if counted or not dying else None
