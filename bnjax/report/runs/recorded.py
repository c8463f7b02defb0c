"""Recorded runs, read back from a folder."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from bnjax import records
from bnjax.errors import UserError
from bnjax.record_check import printable
from bnjax.report.runs.faults import config_of_record, fault, untrained
from bnjax.report.runs.kept import SUFFIX, read_kept
from bnjax.schema import DataRecord, EpochRecord, Record, RunRecord, SummaryRecord
from bnjax.settings.config import FIELDS, Config
from bnjax.studies import guessed_study
from bnjax.studies.study import CONTROLLED


class NoRunsError(UserError, LookupError):
    """There are no runs, or none of those that are asked for."""


@dataclass(frozen=True)
class RecordedRun:
    """What one metrics.jsonl holds: its ``run`` record, its epochs, and its summary once it has one.

    Texts of the ``run`` record can be printed anywhere: see :func:`bnjax.record_check.printable`.
    """

    run: RunRecord
    epochs: list[EpochRecord]
    summary: SummaryRecord | None

    @functools.cached_property
    def config(self) -> Config:
        """Its settings, with its study; those that an earlier bnjax did not have are at their defaults."""
        return dataclasses.replace(config_of_record(self.run), study=self.study)

    @property
    def study(self) -> str:
        """The name of the study that it belongs to; empty where there is none."""
        return self.run["study"]

    @property
    def run_id(self) -> str:
        """Its name, from its settings."""
        return self.run["run_id"]

    @property
    def data(self) -> DataRecord:
        """Which images it had."""
        return self.run["data"]

    @property
    def started(self) -> str:
        """When its process began: a time in UTC, ISO 8601."""
        return self.run["started"]

    @property
    def rank(self) -> tuple[bool, str]:
        """Of runs that are the same, the one with the highest rank counts: the newest of those that ended."""
        ended = self.summary is not None and self.summary["status"] != "interrupted"
        return ended, self.started


@dataclass(frozen=True)
class RunFile:
    """A file that holds a run, and all its records as they stand there."""

    path: Path
    records: list[Record]
    run: RecordedRun


def of_study(runs: Iterable[RecordedRun], study: str) -> list[RecordedRun]:
    """The runs that belong to a study, by its name."""
    return [run for run in runs if run.study == study]


def load_runs(directory: Path) -> list[RecordedRun]:
    """Every run below a folder, in the order of their folders' names.

    Raises:
      RecordError: a file is damaged, or something else is left out.
    """
    runs, problems = load_sound_runs(directory)
    if problems:
        raise records.RecordError(problems[0])
    return runs


def load_sound_runs(directory: Path) -> tuple[list[RecordedRun], list[str]]:
    """Every run below a folder that can be used, each once, and a line for people about all that cannot."""
    files, problems = run_files(directory)
    return [file.run for file in files], problems


def run_files(directory: Path) -> tuple[list[RunFile], list[str]]:
    """One file for each run below a folder, in the order of their folders' names, and what is left out.

    Runs that are kept in one compressed file (:mod:`bnjax.report.runs.kept`) are read like those in folders.

    A file counts as a whole or not at all, but for a torn last line. Of a run that is there several times the
    one counts that has ended; of several, the one that was started last.

    Returns:
      The files, and a line for people about each thing that is left out.
    """
    files: list[RunFile] = []
    problems: list[str] = []
    later: set[str] = set()
    for path, reading in _readings(directory, problems):
        if wrong := fault(reading):
            problems.append(f"{wrong}; the run is left out")
            continue
        unknown = {**reading.later, **_later_settings(reading)}
        reading = dataclasses.replace(reading, later={n: i for n, i in unknown.items() if n not in later})
        later |= reading.later.keys()
        problems += reading.notices
        files.append(RunFile(path, reading.records, _run(reading)))
    return _each_once(files, problems), problems


def _readings(directory: Path, problems: list[str]) -> Iterator[tuple[Path, records.RecordFile]]:
    """What each run's file holds, and each run of a compressed file, named as if that were a folder."""
    for path in sorted([*directory.rglob(records.FILE_NAME), *directory.rglob(f"*{SUFFIX}")]):
        try:
            if path.name == records.FILE_NAME:
                yield path, records.read_sound(path)
            else:
                for run_id, lines in read_kept(path):
                    yield path / run_id, records.sound(lines, f"{path}, run {run_id}")
        except OSError as error:
            problems.append(f"{printable(str(path))}: {error.strerror or error}")


def without_mislabelled(runs: Iterable[RecordedRun]) -> tuple[list[RecordedRun], list[str]]:
    """The runs whose settings are those of the recipe that they name, and a line about each other one.

    A run counts as controlled only with the controlled recipe's shuffling and scale. Earlier versions made
    others of ``--vary=recipe=published|controlled``.
    """
    kept, lines = [], []
    for run in runs:
        has = {name: getattr(run.config, name) for name in CONTROLLED}
        if run.config.recipe != CONTROLLED["recipe"] or has == CONTROLLED:
            kept.append(run)
            continue
        apart = ", ".join(f"{name} {value}" for name, value in has.items() if value != CONTROLLED[name])
        lines.append(f"run {run.run_id} is named controlled but has {apart}; tables of recipes leave it out")
    return kept, lines


def _run(reading: records.RecordFile) -> RecordedRun:
    run: RunRecord = _printable(reading.run)
    run.setdefault("study", guessed_study(run["config"]))  # an earlier bnjax did not name it
    idle = untrained(config_of_record(run))
    found = [_without_flat(record, idle) for record in reading.records] if idle else reading.records
    epochs = [record for record in found if record["kind"] == "epoch"]
    last = found[-1]
    return RecordedRun(run, epochs, last if last["kind"] == "summary" else None)


def _without_flat(record: Record, untrained: Set[str]) -> Record:
    """An earlier bnjax called units flat that nothing could move; here as records have them now."""
    found: Any = record.get("dying", {})
    if not any(found[site]["flat"] is not None for site in untrained & found.keys()):
        return record
    dying = {site: {**told, "flat": None} if site in untrained else told for site, told in found.items()}
    return cast(Record, {**record, "dying": dying})


def _each_once(files: Iterable[RunFile], problems: list[str]) -> list[RunFile]:
    chosen: dict[str, RunFile] = {}
    for file in files:
        run_id = file.records[0]["run_id"]
        other = chosen.setdefault(run_id, file)
        if other is not file:
            older, newer = sorted((other, file), key=lambda one: one.run.rank)
            chosen[run_id] = newer
            paths = [printable(str(one.path)) for one in (older, newer)]
            problems.append(f"{paths[0]}: run {run_id} is left out, {paths[1]} has ended or is newer")
    return sorted(chosen.values(), key=lambda file: file.path)


def _later_settings(reading: records.RecordFile) -> dict[str, int]:
    known = {field.name for field in FIELDS}
    return {f"run.config.{name}": 1 for name in reading.run["config"] if name not in known}


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(name): _printable(item) for name, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value


def metric(epoch: EpochRecord, name: str) -> float | None:
    """What was measured after an epoch, by its name; None where the record lacks it or has null."""
    value: Any = epoch.get(name)
    return value


def measured(value: float | None) -> float:
    """A number of a record.

    Raises:
      ValueError: it is null: it was not measured, or was not finite.
    """
    if value is None:
        raise ValueError("a number that is read was not measured, or was not finite")
    return value


def total(found: Mapping[str, Any], count: str) -> int | None:
    """A count of a probe over all sites of an epoch that learn; None where none does.

    Args:
      found: by site, as an epoch's record holds it.
      count: such as ``silent``, ``units``, or ``flat``, which is null where a kernel is not trained: units
        there are not dying, whatever they show.
    """
    counted = [site[count] for site in found.values() if site.get("flat", 0) is not None]
    return sum(counted) if counted else None
