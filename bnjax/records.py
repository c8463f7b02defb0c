"""The records of a run: JSON lines, one object a line, in ``metrics.jsonl`` and on stdout.

A run writes one ``run`` object, one ``epoch`` object per epoch, and one ``summary``. ``SCHEMA`` says
which fields each kind has; ``validate`` checks an object against it. Numbers that are not finite are
written as null, never as NaN, and the object's ``status`` says why.
"""

import codecs
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnjax.record_check import SCHEMA_VERSION, NotJSONError, RecordError, check, parsed, printable, rules
from bnjax.record_rules import Types, shown
from bnjax.schema import Record, RunRecord, SummaryRecord

#: kind -> field -> its types and what it means.
SCHEMA: dict[str, dict[str, tuple[Types, str]]] = {
    kind: {name: (of_field.types, of_field.meaning) for name, of_field in (rule.fields or {}).items()}
    for kind, rule in rules().items()
}
FILE_NAME = "metrics.jsonl"
#: Beside it, where a run keeps its final parameters and statistics.
VARIABLES_NAME = "variables.npz"

#: Fields that no two runs share; everything else repeats to the byte on CPU.
TIMING_FIELDS = ("seconds", "compile_seconds", "images_per_second", "started")


def make_record(kind: str, run_id: str, **fields: Any) -> dict[str, Any]:
    """A record with the common fields first, finite numbers only, checked against the schema.

    Raises:
      RecordError: a field is missing, unknown or of another type.
    """
    record = _finite({"schema": SCHEMA_VERSION, "kind": kind, "run_id": run_id, **fields})
    validate(record)
    return record


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def validate(record: Mapping[str, Any]) -> None:
    """Checks one record that is to be written.

    Raises:
      RecordError: names the first field that is missing, unknown, of another type or out of range.
    """
    for name in check(record):
        kind, _, field = name.partition(".")
        raise RecordError(f"{kind} record: unknown field {field!r}")


def json_line(record: Mapping[str, Any]) -> str:
    """The record as one line of strict JSON with its newline."""
    return json.dumps(record, allow_nan=False) + "\n"


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Adds one line to a file and waits until it is on the disk.

    Raises:
      OSError: it cannot be written, on a full disk for example; names the file, which is as it was before.
    """
    with path.open("ab", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        rest = memoryview(json_line(record).encode())
        try:
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
        except OSError as error:
            file.truncate(end)  # half a line would spoil the next one
            error.filename = str(path)
            raise


@dataclass
class RecordFile:
    """What one file holds.

    Attributes:
      path: the file, as text for people.
      records: of all lines that are records.
      lines: the number of each record's line, from 1.
      bad: the first line that is no record, told for people; empty where all are sound.
      torn: whether the last line was cut off while it was written; it is left out and no bad line.
      later: field of a later version -> the first line that has it; such fields are ignored.
    """

    path: str
    records: list[Record] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: str = ""
    torn: bool = False
    later: dict[str, int] = field(default_factory=dict)

    @property
    def run(self) -> RunRecord:
        """The first record of a file whose records are in order."""
        first = self.records[0]
        if first["kind"] != "run":
            raise RecordError(self.out_of_order)
        return first

    @property
    def notices(self) -> list[str]:
        """A line for people about each thing that is left out of a file that can be used."""
        torn = [f"{self.path}: the last line is torn and left out"] if self.torn else []
        return [*map(self.later_notice, self.later), *torn]

    def later_notice(self, name: str) -> str:
        """What is said of a field that this version does not know."""
        where = f"{self.path}, line {self.later[name]}"
        return f"{where}: field {shown(name)} comes from a later version and is ignored"

    @property
    def out_of_order(self) -> str:
        """Why the records are not those of one run from its start on; empty where they are.

        A run that was resumed has another ``run`` record where it went on.
        """
        epochs, ended = 0, False
        for number, record in zip(self.lines, self.records, strict=True):
            kind = record["kind"]
            if wrong := _misplaced(record, self.records[0], epochs, ended):
                return f"{self.path}, line {number}: {wrong}"
            epochs += kind == "epoch"
            ended |= kind == "summary"
        return ""


def _misplaced(record: Record, first: Record, epochs: int, ended: bool) -> str:
    if first["kind"] != "run":
        return f"the first record is of kind {first['kind']}, not run"
    if record["run_id"] != first["run_id"]:
        return f"a record of run {shown(record['run_id'])} among those of run {shown(first['run_id'])}"
    if ended and record["kind"] != "summary":
        return f"a record of kind {record['kind']} behind the summary"
    if record["kind"] == "epoch" and record["epoch"] != epochs + 1:
        return f"epoch {record['epoch']} where epoch {epochs + 1} is due"
    if record["kind"] == "summary" and record["epochs"] != epochs:
        return f"the summary counts {record['epochs']} epochs, and there are {epochs}"
    return ""


def read(path: Path) -> list[Record]:
    """The records of a file; blank lines and a torn last line are left out.

    Raises:
      RecordError: another line is not a record of the schema.
      OSError: the file cannot be read.
    """
    reading = read_sound(path)
    if reading.bad:
        raise RecordError(reading.bad)
    return reading.records


def read_sound(path: Path) -> RecordFile:
    """What can be read of a file, and what cannot: a damaged, foreign or empty file is no error here.

    Raises:
      OSError: the file cannot be read.
    """
    return sound(path.read_bytes(), str(path))


def sound(content: bytes, name: str) -> RecordFile:
    """The same of what a file holds; ``name`` tells people where it stands."""
    reading = RecordFile(printable(name))
    if b"\0" in content[:2] or content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        reading.bad = f"{reading.path}, line 1: not UTF-8 but UTF-16, or no text"
        return reading
    lines = content.splitlines()
    cut = len(lines) if content and not content.endswith((b"\n", b"\r")) else None
    bad = 0
    for number, line in enumerate(lines, start=1):
        try:
            _take(line, number, reading)
        except RecordError as error:
            if number == cut and isinstance(error, NotJSONError):
                reading.torn = True
                break
            bad += 1
            reading.bad = reading.bad or f"{reading.path}, line {number}: {printable(str(error))}"
    if bad > 1:
        reading.bad += f" ({bad - 1} more such lines)"
    return reading


def _take(line: bytes, number: int, reading: RecordFile) -> None:
    if not line.strip():
        return
    record = parsed(line)
    for name in check(record):
        reading.later.setdefault(name, number)
    reading.records.append(record)
    reading.lines.append(number)


def find_summary(path: Path, tell: Callable[[str], None] = lambda line: None) -> SummaryRecord | None:
    """The summary of a run that ended (done or diverged), or None.

    Args:
      tell: called with a line for people about each thing in the file that is left out.

    Raises:
      RecordError: a line is no record, or the run ended and its records are not those of one run.
      OSError: the file cannot be read.
    """
    if not path.exists():
        return None
    reading = read_sound(path)
    for notice in reading.notices:
        tell(notice)
    if reading.bad:
        raise RecordError(reading.bad)
    summary = ended(reading.records)
    if summary and reading.out_of_order:
        raise RecordError(reading.out_of_order)
    return summary


def ended(found: Iterable[Record]) -> SummaryRecord | None:
    """The summary among a run's records if it ended (done or diverged), or None."""
    summaries = [record for record in found if record["kind"] == "summary"]
    whole = [summary for summary in summaries if summary["status"] in ("done", "diverged")]
    return whole[-1] if whole else None
