"""What was measured, as records (JSON objects) and as a table for people."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from speed_peers.contestants import BNJAX, MATRIX_SIZE
from speed_peers.networks import FROZEN_LAYERS, Task
from speed_peers.processes import Worker

_PRODUCT_OPERATIONS = 2 * MATRIX_SIZE**3  # multiplications and additions
_ROW = "  {:<28}{:>9}{:>9}{:>9}{:>10}{:>10}{:>12}{:>12}{:>10}"
_HEADER = _ROW.format(
    "contestant", "ms/step", "least", "most", "images/s", "to bnjax", "evaluation", "first step", "peak MiB"
)


def speed_records(task: Task, steps: int, workers: Mapping[str, Worker]) -> list[dict[str, Any]]:
    """A record for each contestant that came to the end of a network.

    ``ratio`` is the contestant's time over bnjax's in the same round (null without bnjax): above 1, bnjax
    is faster by that factor. It, like ``step_ms``, has the median, least and most of the rounds.
    ``images_per_second`` belongs to the median, as does ``evaluation_images_per_second``, of forward passes
    in evaluation mode. ``peak_memory_mib`` is the most memory that the process has held from its start:
    library, made-up images, compiling, training and evaluation.

    Args:
      steps: timed steps in a turn.
    """
    bnjax = workers[BNJAX].step_seconds if BNJAX in workers else None
    return [
        {
            "kind": "speed",
            "network": task.network,
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
            "ratio": _ratio(worker.step_seconds, bnjax) if bnjax else None,
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


def _milliseconds(seconds: Sequence[float]) -> list[float]:
    return [round(duration * 1e3, 4) for duration in seconds]


def _ratio(own: Sequence[float], bnjax: Sequence[float]) -> dict[str, float]:
    return _spread(mine / reference for mine, reference in zip(own, bnjax, strict=True))


def _spread(values: Iterable[float]) -> dict[str, float]:
    found = sorted(values)
    named = {"median": statistics.median(found), "min": found[0], "max": found[-1]}
    return {name: round(value, 4) for name, value in named.items()}


def matrix_record(seconds: Sequence[float]) -> dict[str, Any]:
    """The rate of the matrix product, over all rounds at all networks."""
    return {"kind": "matrix_product", "size": MATRIX_SIZE, "gflops": _gflops(seconds)}


def matrix_line(seconds: Sequence[float]) -> str:
    """The same for people."""
    rate = _gflops(seconds)
    return (
        f"float32 matrix product {MATRIX_SIZE} x {MATRIX_SIZE} in JAX: {rate['median']:.0f} GFLOP/s "
        f"({rate['min']:.0f} to {rate['max']:.0f} over the rounds)"
    )


def _gflops(seconds: Sequence[float]) -> dict[str, float]:
    return _spread(_PRODUCT_OPERATIONS / duration / 1e9 for duration in seconds)


def table(task: Task, records: Sequence[Mapping[str, Any]]) -> str:
    """The records of one network; the title says what they average."""
    if not records:
        return f"\n{task.network}: nobody came to the end\n"
    first = records[0]
    height, width, _ = task.image_shape
    fine_tuned = f", fine-tuned behind {FROZEN_LAYERS} frozen layers" if task.frozen else ""
    title = (
        f"{task.network}{fine_tuned}: {height} x {width} pixels, batch {task.batch_size}, "
        f"norms {task.architecture.order} every activation, "
        f"{first['parameters']:,} parameters, {task.threads} cores, "
        f"rounds of {first['steps']} steps: {first['rounds']}"
    )
    return "\n".join(["", title, _HEADER, *map(_row, records), ""])


def _row(record: Mapping[str, Any]) -> str:
    milliseconds = record["step_ms"]
    return _ROW.format(
        record["contestant"],
        *(f"{milliseconds[name]:.4g}" for name in ("median", "min", "max")),
        f"{record['images_per_second']:.0f}",
        f"{record['ratio']['median']:.2f}" if record["ratio"] else "-",
        f"{record['evaluation_images_per_second']:.0f}",
        f"{record['first_step_seconds']:.1f} s",
        record["peak_memory_mib"] or "-",
    )
