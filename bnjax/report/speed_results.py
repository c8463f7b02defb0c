"""What ``experiments/speed.py`` wrote, read back and checked."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnjax.records import RecordError

#: The contestant that the others are compared with.
BNJAX = "bnjax"
_NAMES = {
    "bnjax-precomputed": "bnjax, frozen part computed once",
    "flax": "plain Flax",
    "keras-jax": "Keras on JAX",
    "keras-torch": "Keras on PyTorch",
    "torch-eager": "PyTorch eager",
    "torch-eager-channels-last": "PyTorch eager, channels last",
    "torch-compile": "PyTorch compiled",
    "torch-compile-channels-last": "PyTorch compiled, channels last",
}
Check = Callable[[Any], bool]


@dataclass(frozen=True)
class SpeedResults:
    """The records of one or several measurements, by kind.

    Attributes:
      measurements: of each file its ``machine`` record and the others behind it. What several measured is a
        repetition.
    """

    measurements: list[tuple[dict[str, Any], list[dict[str, Any]]]] = field(default_factory=list)

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """The records of a kind, of all measurements."""
        return [record for _, found in self.measurements for record in found if record["kind"] == kind]

    def networks(self) -> dict[tuple, list[dict[str, Any]]]:
        """Network, image shape, batch size and whether it is fine-tuned -> its ``speed`` records.

        Repetitions are one record: the medians of theirs, the least and the most of all, and how many they
        are under ``repetitions``.
        """
        found: dict[tuple, dict[tuple, list[dict[str, Any]]]] = {}
        for record in self.of_kind("speed"):
            same = (record["contestant"], record["precision"], record["epoch_data"], record["epoch_images"])
            found.setdefault(_task_of(record), {}).setdefault(same, []).append(record)
        return {task: [_together(records) for records in of.values()] for task, of in found.items()}


_SPREADS = ("step_ms", "ratio", "of_product", "epoch_seconds", "epoch_ratio")
_NUMBERS = ("images_per_second", "evaluation_images_per_second", "first_step_seconds", "peak_memory_mib")


def _together(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Repetitions as one record."""
    together = {**records[0], "repetitions": len(records)}
    for name in _SPREADS:
        spreads = [record[name] for record in records if record[name]]
        if spreads:
            together[name] = {
                "median": statistics.median(spread["median"] for spread in spreads),
                "min": min(spread["min"] for spread in spreads),
                "max": max(spread["max"] for spread in spreads),
            }
    for name in _NUMBERS:
        values = [record[name] for record in records if record[name] is not None]
        if values:
            together[name] = statistics.median(values)
    return together


def contestant_name(record: Mapping[str, Any]) -> str:
    """A contestant's name for people."""
    return _NAMES.get(record["contestant"], record["contestant"])


def is_fine_tuned(record: Mapping[str, Any]) -> bool:
    """Whether a part of the network is frozen; earlier measurements, which do not say so, have none."""
    return bool(record.get("frozen"))


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


def _task_of(record: Mapping[str, Any]) -> tuple:
    shape, fine_tuned = tuple(record["image_shape"]), is_fine_tuned(record)
    return record["network"], shape, record["batch_size"], fine_tuned


def _check_new(record: Mapping[str, Any], seen: set[tuple]) -> None:
    key = (*_task_of(record), record["precision"], record["contestant"])
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


def significant(value: float, digits: int = 4) -> str:
    """A number below a million with so many digits that count, and never with an exponent."""
    return f"{float(f'{value:.{digits}g}'):g}"


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


def measured(results: SpeedResults) -> list[str]:
    """A line for each measurement: machine, versions, commit, date, and what the machine can do at best."""
    return [_measured(machine, found) for machine, found in results.measurements]


def _measured(machine: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> str:
    versions = [f"{name} {told}" for name, told in machine["versions"].items() if told != "not installed"]
    parts = [
        f"Measured {machine['started'][:10]} on {machine['threads']} cores of {machine['cpu_model']}",
        machine["platform"],
        f"commit {(machine['git_commit'] or 'unknown')[:12]}",
        ", ".join(versions),
    ]
    if machine["load_average"] is not None:
        parts.append(f"load at the start {machine['load_average']:.1f}")
    products = [_product(record) for record in found if record["kind"] == "matrix_product"]
    return "; ".join([*parts, *products]) + "."


def _product(record: Mapping[str, Any]) -> str:
    rate = record["gflops"]
    return (
        f"{record['precision']} matrix product of {record['size']} rows in {record['library']} "
        f"{rate['median']:.0f} GFLOP/s ({rate['min']:.0f} to {rate['max']:.0f})"
    )


def network_title(record: Mapping[str, Any]) -> str:
    """A network with its images and its batch."""
    height, width, _ = record["image_shape"]
    fine_tuned = ", fine-tuned" if is_fine_tuned(record) else ""
    return f"{record['network']}{fine_tuned}, {height} x {width} pixels, batch {record['batch_size']}"
