"""Measurements beside other libraries: repetitions put together, and their words for people."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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
            found.setdefault(task_of(record), {}).setdefault(same, []).append(record)
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


def task_of(record: Mapping[str, Any]) -> tuple:
    """What contestants of a ``speed`` record are compared in: network, images, batch, whether fine-tuned."""
    shape, fine_tuned = tuple(record["image_shape"]), is_fine_tuned(record)
    return record["network"], shape, record["batch_size"], fine_tuned


def significant(value: float, digits: int = 4) -> str:
    """A number below a million with so many digits that count, and never with an exponent."""
    return f"{float(f'{value:.{digits}g}'):g}"


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
