"""What was measured, as records (JSON objects) and as a table for people."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from speed_peers.contestants import BNJAX, MATRIX_SIZE
from speed_peers.images import epoch_images
from speed_peers.measurements import significant
from speed_peers.networks import FROZEN_LAYERS, Task
from speed_peers.operations import step_operations
from speed_peers.processes import Worker

_PRODUCT_OPERATIONS = 2 * MATRIX_SIZE**3  # multiplications and additions
_ROW = "  {:<28}{:>9}{:>9}{:>9}{:>10}{:>10}{:>12}{:>12}{:>12}{:>10}{:>9}"
_HEADER = _ROW.format(
    *("contestant", "ms/step", "least", "most", "images/s", "to bnjax", "of product"),
    *("evaluation", "first step", "peak MiB", "epoch"),
)


def speed_records(
    task: Task, steps: int, workers: Mapping[str, Worker], rates: Sequence[float]
) -> list[dict[str, Any]]:
    """A record for each contestant that came to the end of a network.

    ``ratio`` is the contestant's time over bnjax's in the same round (null without bnjax): above 1, bnjax
    is faster by that factor. It, like ``step_ms``, has the median, least and most of the rounds.
    ``images_per_second`` belongs to the median, as does ``evaluation_images_per_second``, of forward passes
    in evaluation mode. ``peak_memory_mib`` is the most memory that the process has held from its start:
    library, made-up images, compiling, training and evaluation. ``of_product`` is the part of the machine's
    rate in a matrix product of the same precision, measured in the same round, that the operations of a step
    reach (see :mod:`speed_peers.operations`), null of a fine-tuned network. ``epoch_seconds`` and
    ``epoch_ratio`` are of whole epochs through the contestant's usual way of feeding images, null where none
    was asked for.

    Args:
      steps: timed steps in a turn.
      rates: of the matrix product, operations per second for each round.
    """
    bnjax = workers.get(BNJAX)
    operations = step_operations(task)
    images = epoch_images(task) if any(worker.epoch_seconds for worker in workers.values()) else 0
    return [
        {
            "kind": "speed",
            "network": task.network,
            "precision": task.precision,
            "contestant": name,
            "order": task.architecture.order,
            "image_shape": task.image_shape,
            "batch_size": task.batch_size,
            "frozen": task.frozen,
            "parameters": worker.parameters,
            "rounds": len(worker.step_seconds),
            "steps": steps,
            "step_ms": _spread(seconds * 1e3 for seconds in worker.step_seconds),
            "images_per_second": _rate(task, worker.step_seconds),
            "evaluation_images_per_second": _rate(task, worker.evaluation_seconds),
            "ratio": _ratio(worker.step_seconds, bnjax.step_seconds) if bnjax else None,
            "step_gflop": round(operations / 1e9, 4) if operations else None,
            "of_product": _of_product(operations, worker.step_seconds, rates) if operations else None,
            "epoch_data": task.epoch_data if images else None,
            "epoch_images": images,
            "epoch_seconds": _spread(worker.epoch_seconds) if images else None,
            "epoch_ratio": (_ratio(worker.epoch_seconds, bnjax.epoch_seconds) if bnjax and images else None),
            "first_step_seconds": round(worker.first_step_seconds, 2),
            "import_seconds": round(worker.import_seconds, 2),
            "peak_memory_mib": round(worker.peak_memory / 2**20) if worker.peak_memory else None,
            "step_ms_by_round": _milliseconds(worker.step_seconds),
            "evaluation_ms_by_round": _milliseconds(worker.evaluation_seconds),
        }
        for name, worker in workers.items()
    ]


def _rate(task: Task, seconds: Sequence[float]) -> float:
    return round(task.batch_size / statistics.median(seconds), 1)


def _of_product(operations: int, seconds: Sequence[float], rates: Sequence[float]) -> dict[str, float]:
    return _spread(operations / step / rate for step, rate in zip(seconds, rates, strict=True))


def _milliseconds(seconds: Sequence[float]) -> list[float]:
    return [round(duration * 1e3, 4) for duration in seconds]


def _ratio(own: Sequence[float], bnjax: Sequence[float]) -> dict[str, float]:
    return _spread(mine / reference for mine, reference in zip(own, bnjax, strict=True))


def _spread(values: Iterable[float]) -> dict[str, float]:
    found = sorted(values)
    named = {"median": statistics.median(found), "min": found[0], "max": found[-1]}
    return {name: float(f"{value:.5g}") for name, value in named.items()}


def rate_of_rounds(seconds: Sequence[Sequence[float]]) -> list[float]:
    """The machine's rate in each round, operations per second: that of the faster matrix product.

    Args:
      seconds: a library's products, round by round.
    """
    return [_PRODUCT_OPERATIONS / min(of_round) for of_round in zip(*seconds, strict=True)]


def matrix_record(precision: str, library: str, seconds: Sequence[float]) -> dict[str, Any]:
    """The rate of a library's matrix product, over all rounds at all networks."""
    rate = _spread(_PRODUCT_OPERATIONS / duration / 1e9 for duration in seconds)
    told = {"precision": precision, "library": library, "size": MATRIX_SIZE}
    return {"kind": "matrix_product", **told, "gflops": rate}


def matrix_line(record: Mapping[str, Any]) -> str:
    """The same for people."""
    rate, size = record["gflops"], record["size"]
    return (
        f"{record['precision']} matrix product {size} x {size} in {record['library']}: "
        f"{rate['median']:.0f} GFLOP/s ({rate['min']:.0f} to {rate['max']:.0f} over the rounds)"
    )


def table(task: Task, records: Sequence[Mapping[str, Any]]) -> str:
    """The records of one network; the title says what they average."""
    if not records:
        return f"\n{task.network}: nobody came to the end\n"
    first = records[0]
    height, width, _ = task.image_shape
    fine_tuned = f", fine-tuned behind {FROZEN_LAYERS} frozen layers" if task.frozen else ""
    title = (
        f"{task.network}, {task.precision}{fine_tuned}: {height} x {width} pixels, batch {task.batch_size}, "
        f"norms {task.architecture.order} every activation, "
        f"{first['parameters']:,} parameters, {task.threads} cores, "
        f"rounds of {first['steps']} steps: {first['rounds']}"
        + (
            f", epochs of {first['epoch_images']:,} images ({first['epoch_data']})"
            if first["epoch_data"]
            else ""
        )
    )
    return "\n".join(["", title, _HEADER, *map(_row, records), ""])


def _row(record: Mapping[str, Any]) -> str:
    milliseconds = record["step_ms"]
    return _ROW.format(
        record["contestant"],
        *(significant(milliseconds[name]) for name in ("median", "min", "max")),
        f"{record['images_per_second']:.0f}",
        f"{record['ratio']['median']:.2f}" if record["ratio"] else "-",
        f"{record['of_product']['median']:.1%}" if record["of_product"] else "-",
        f"{record['evaluation_images_per_second']:.0f}",
        f"{record['first_step_seconds']:.1f} s",
        record["peak_memory_mib"] or "-",
        f"{significant(record['epoch_seconds']['median'], 3)} s" if record["epoch_seconds"] else "-",
    )
