"""The records of a run: JSON lines, one object a line, in ``metrics.jsonl`` and on stdout.

A run writes one ``run`` object, one ``epoch`` object per epoch, and one ``summary``. ``SCHEMA`` says
which fields each kind has; ``validate`` checks an object against it. Numbers that are not finite are
written as null, never as NaN, and the object's ``status`` says why.
"""

import json
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bnjax.schema import ADDED_LATER, SCHEMA

#: Changes when a field changes its meaning or disappears, not when one is added.
SCHEMA_VERSION = 1
FILE_NAME = "metrics.jsonl"
#: Beside it, where a run keeps its final parameters and statistics.
VARIABLES_NAME = "variables.npz"

#: Fields that no two runs share; everything else repeats to the byte on CPU.
TIMING_FIELDS = ("seconds", "compile_seconds", "images_per_second", "started")


class RecordError(ValueError):
    """A line or an object that is not a record; the message names the file, the line and the field."""


class TornLine(UserWarning):
    """The last line of a file was cut off while it was written, and is left out."""


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
    """Checks one record against ``SCHEMA``.

    Raises:
      RecordError: names the first field that is missing, unknown or of another type.
    """
    if not isinstance(record, Mapping):
        raise RecordError("not an object")
    kind = record.get("kind")
    fields = SCHEMA.get(kind) if isinstance(kind, str) else None
    if fields is None:
        raise RecordError(f"kind {kind!r} is not one of {', '.join(SCHEMA)}")
    for name in record.keys() - fields.keys():
        raise RecordError(f"{record['kind']} record: unknown field {name!r}")
    for name, (types, _) in fields.items():
        if name not in record:
            if name in ADDED_LATER:
                continue
            raise RecordError(f"{record['kind']} record: field {name!r} is missing")
        if type(record[name]) not in types:
            raise RecordError(f"{record['kind']} record: {name} is {record[name]!r}")
    if record["schema"] != SCHEMA_VERSION:
        raise RecordError(f"{kind} record: schema {record['schema']} is not {SCHEMA_VERSION}")


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


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a torn last line is left out with a :class:`TornLine` warning.

    Raises:
      RecordError: another line is not a record of the schema.
    """
    return list(_read_lines(path))


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    lines = path.read_bytes().split(b"\n")
    tail = lines.pop()
    if tail:
        warnings.warn(f"{path}: the last line is torn and left out", TornLine, stacklevel=3)
    for number, line in enumerate(lines, start=1):
        try:
            yield _parsed(line)
        except (ValueError, RecursionError) as error:
            raise RecordError(f"{path}, line {number}: {error}") from None


def read_sound(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The records of a file that can be used, and a line for people about what cannot.

    A file that is damaged, foreign, empty or of another schema is no error here: what is sound of it is read.
    Of many bad lines the first is told and the others are counted.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        return [], [f"{path}: {error.strerror}"]
    found, bad = [], []
    torn = lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_parsed(line))
        except (ValueError, RecursionError) as error:
            bad.append(f"{path}, line {number}: {error}")
    problems = bad[:1]
    if len(bad) > 1:
        problems.append(f"{path}: {len(bad) - 1} more lines like that")
    if torn:
        problems.append(f"{path}: the last line is torn and left out")
    if not found and not problems:
        problems.append(f"{path}: empty")
    return found, problems


def _parsed(line: bytes) -> dict[str, Any]:
    record = json.loads(line, parse_constant=_refuse_constant, parse_float=_finite_number)
    validate(record)
    return record


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise RecordError(f"the number {text} is out of range")
    return number


def _refuse_constant(name: str) -> None:
    raise RecordError(f"{name} is not JSON")


def find_summary(path: Path) -> dict[str, Any] | None:
    """The summary of a run that ended (done or diverged), or None."""
    if not path.exists():
        return None
    return ended(read(path))


def ended(found: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The summary among a run's records if it ended (done or diverged), or None."""
    summaries = [record for record in found if record["kind"] == "summary"]
    whole = [summary for summary in summaries if summary["status"] in ("done", "diverged")]
    return whole[-1] if whole else None
