"""What ``experiments/speed.py`` wrote, read back and checked."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bnjax.records import RecordError
from speed_peers.measurements import SpeedResults, task_of

Check = Callable[[Any], bool]


def load_speed(paths: Iterable[Path]) -> SpeedResults:
    """The records of files that ``experiments/speed.py --out`` wrote.

    Raises:
      RecordError: a file is none of them, or is damaged; names the file and the line.
      OSError: one cannot be read.
    """
    results = SpeedResults()
    for path in paths:
        found: list[dict[str, Any]] = []
        seen: set[tuple] = set()
        for place, line in enumerate(path.read_bytes().splitlines(), start=1):
            try:
                record = _checked(line)
                if record["kind"] == "speed":
                    _check_new(record, seen)
            except (ValueError, RecursionError) as error:
                raise RecordError(f"{path}, line {place}: {error}") from None
            found.append(record)
        if not found or found[0]["kind"] != "machine":
            raise RecordError(f"{path}: no result of experiments/speed.py, which begins with the machine")
        if any(found[0] == machine for machine, _ in results.measurements):
            raise RecordError(f"{path}: this measurement was given twice")
        results.measurements.append((found[0], found[1:]))
    return results


def _check_new(record: Mapping[str, Any], seen: set[tuple]) -> None:
    key = (*task_of(record), record["precision"], record["contestant"])
    if key in seen:
        names = f"{record['contestant']} at {record['network']} in {record['precision']}"
        raise RecordError(f"{names} was measured twice")
    seen.add(key)


def _checked(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
    except ValueError as error:
        raise RecordError(f"not JSON ({error})") from None
    kind = record.get("kind") if isinstance(record, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise RecordError(f"kind {kind!r} is not one of {', '.join(_FIELDS)}")
    for name, check in _FIELDS[kind].items():
        if name not in record:
            raise RecordError(f"{kind} record: field {name!r} is missing")
        if not check(record[name]):
            raise RecordError(f"{kind} record: {name} is {record[name]!r}")
    return record


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_spread(value: Any) -> bool:
    """The median, least and most of something, each above 0."""
    if not isinstance(value, dict):
        return False
    return all(_is_number(value.get(name)) and value[name] > 0 for name in ("median", "min", "max"))


def _is_shape(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))


def _are_versions(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


_FIELDS: dict[str, dict[str, Check]] = {
    "machine": {
        "platform": _is_text,
        "cpu_model": _is_text,
        "threads": _is_number,
        "load_average": _or_null(_is_number),
        "versions": _are_versions,
        "git_commit": _or_null(_is_text),
        "started": _is_text,
    },
    "speed": {
        "network": _is_text,
        "precision": _is_text,
        "contestant": _is_text,
        "image_shape": _is_shape,
        "batch_size": _is_number,
        "parameters": _is_number,
        "rounds": _is_number,
        "steps": _is_number,
        "step_ms": _is_spread,
        "ratio": _or_null(_is_spread),
        "images_per_second": _is_number,
        "evaluation_images_per_second": _is_number,
        "of_product": _or_null(_is_spread),
        "first_step_seconds": _is_number,
        "peak_memory_mib": _or_null(_is_number),
        "epoch_data": _or_null(_is_text),
        "epoch_images": _is_number,
        "epoch_seconds": _or_null(_is_spread),
        "epoch_ratio": _or_null(_is_spread),
    },
    "absent": dict.fromkeys(("network", "precision", "contestant", "status", "reason"), _is_text),
    "sweep": {
        "network": _is_text,
        "precision": _is_text,
        "contestant": _is_text,
        "image_shape": _is_shape,
        "batch_size": _is_number,
        "runs": _is_number,
        "seconds": _is_number,
        "ratio": _or_null(_is_number),
    },
    "matrix_product": {
        "precision": _is_text,
        "library": _is_text,
        "size": _is_number,
        "gflops": _is_spread,
    },
}
