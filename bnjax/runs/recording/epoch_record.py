"""What a run's ``epoch`` and ``summary`` records say."""

import math
import statistics
from collections.abc import Mapping
from typing import Any

from bnjax.data import ImageSet
from bnjax.models.network import unit_name
from bnjax.probes import PROBES, Seen, chosen_probes, dying, looked, nothing_looked_at
from bnjax.records import RecordError
from bnjax.runs.measure import Measured
from bnjax.runs.training import Run, used_variables
from bnjax.schema import METRICS
from bnjax.train.programs.evaluate import Evaluation
from bnjax.train.state import digest
from bnjax.train.steps.sums import TOP


def waiting_share(run: Run) -> float | None:
    """The fraction of the epoch under way for which the device had no batch; None with images in memory."""
    if isinstance(run.fed.train, ImageSet):
        return None
    return run.underway.waited / run.underway.seconds


def epoch_fields(run: Run, epoch: int, measured: Measured) -> dict[str, Any]:
    """What probes find, and how the epoch went that is under way."""
    trained, test, held_out, seen = measured.trained, measured.test, measured.held_out, measured.seen
    waiting = waiting_share(run)
    probed = _probed(run, epoch, measured)
    return {
        "epoch": epoch,
        "step": epoch * run.steps_per_epoch,
        "status": "ok" if math.isfinite(test.loss) else "diverged",
        "train_loss": trained.mean_loss,
        "train_accuracy": trained.accuracy,
        "train_evaluation_loss": seen.loss if seen else None,
        "train_evaluation_accuracy": seen.accuracy if seen else None,
        "validation_loss": held_out.loss if held_out else None,
        "validation_accuracy": held_out.accuracy if held_out else None,
        **_fresh("validation", measured.held_out_fresh),
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
        **_fresh("test", measured.test_fresh),
        "test_top5_accuracy": test.top5_accuracy if run.dataset.num_classes > TOP else None,
        "train_batch_accuracy": _batch_accuracy(trained.batch_accuracies),
        **probed,
        **_speed(trained.images, run.underway.seconds),
        "waiting": None if waiting is None else round(waiting, 4),
    }


def _probed(run: Run, epoch: int, measured: Measured) -> dict[str, Any]:
    """What the run's probes record of an epoch; its movies get their frames."""
    model, test = run.model, measured.test
    seen = Seen(
        activation=run.config.activation,
        kernels_before=run.kernels,
        kernels=measured.kernels,
        trained={site.name for site in model.sites if model.trains((unit_name(site.name), "kernel"))},
        largest_input=test.activation_input_max,
        active=test.active,
        normed={site for site, order in model.parsed_placement.as_dict().items() if order != "absent"},
        **measured.observed,
    )
    by_probe = looked(run.probes_after(epoch), seen, run.memories, chosen_probes(run.config.probes))
    _check_sites(by_probe, run)
    run.kernels = measured.kernels
    if run.movies:
        _add_frames(run, epoch, seen)
    ordered = run.config.in_network_order  # JAX sorts sites by their names
    return {name: ordered(found) if PROBES[name].by_site else found for name, found in by_probe.items()}


def _check_sites(found: Mapping[str, Mapping[str, Any]], run: Run) -> None:
    """Refuses what a probe of a plugin says of something else than the network's sites.

    Raises:
      RecordError: names the probe and what is no site.
    """
    known = {site.name for site in run.model.sites}
    for name, by_site in found.items():
        if PROBES[name].by_site and (foreign := by_site.keys() - known):
            raise RecordError(
                f"the probe {name} names {min(foreign)!r}, and {run.config.model} has no such site"
            )


def _add_frames(run: Run, epoch: int, seen: Seen) -> None:
    first, image_shape = next(iter(seen.kernels)), run.dataset.train.image_shape
    kernels = seen.kernels_before[first], seen.kernels[first]
    flat, silent = dying.flat(seen, run.memories[dying.DYING.name]), dying.silent(seen)
    for movie in run.movies:
        movie.add(epoch, *kernels, image_shape, flat.get(first), silent[first])


def _of_probes(epoch: dict[str, Any]) -> dict[str, Any]:
    """What probes recorded of an epoch."""
    return {name: epoch[name] for name in PROBES if name in epoch}


def _fresh(part: str, found: Evaluation | None) -> dict[str, float | None]:
    return {
        f"{part}_loss_fresh": found.loss if found else None,
        f"{part}_accuracy_fresh": found.accuracy if found else None,
    }


def diverged_fields(run: Run, epoch: int) -> dict[str, Any]:
    """An epoch that ended early, at a loss that is not finite: its metrics are unknown."""
    return {
        "epoch": epoch,
        "step": run.steps_taken,
        "status": "diverged",
        **dict.fromkeys(METRICS),
        "train_batch_accuracy": {},
        **nothing_looked_at(chosen_probes(run.config.probes)),
        **_speed(run.underway.steps * run.config.batch_size, run.underway.seconds),
        "waiting": None,
    }


def _batch_accuracy(accuracies: list[float]) -> dict[str, float]:
    return {
        "lowest": min(accuracies),
        "median": statistics.median(accuracies),
        "perfect": sum(accuracy == 1 for accuracy in accuracies) / len(accuracies),
    }


def _speed(images: int, seconds: float) -> dict[str, float]:
    return {"seconds": round(seconds, 3), "images_per_second": round(images / max(seconds, 1e-9), 1)}


def summary_fields(run: Run, status: str, seconds: float) -> dict[str, Any]:
    """How a run ended.

    Args:
      status: ``done``, ``diverged`` or ``interrupted``.
      seconds: wall time of the run.
    """
    ended = [epoch for epoch in run.epochs if epoch["status"] == "ok"]
    return {
        "status": status,
        "epochs": len(run.epochs),
        "steps": run.saved_steps if status == "interrupted" else run.epochs[-1]["step"],
        "final": {name: ended[-1].get(name) for name in METRICS} if ended else {},
        "best": _best(ended) if ended else {},
        **(_of_probes(ended[-1]) if ended else nothing_looked_at(chosen_probes(run.config.probes))),
        "state_sha256": digest(used_variables(run)) if status == "done" else None,
        "compile_seconds": round(run.compile_seconds, 3),
        "seconds": round(seconds, 3),
    }


def _best(ended: list[dict[str, Any]]) -> dict[str, Any]:
    top = max(ended, key=lambda epoch: epoch["test_accuracy"])
    best = {"test_accuracy": top["test_accuracy"], "test_accuracy_epoch": top["epoch"]}
    for loss in ("test_loss", "validation_loss"):
        if ended[0][loss] is not None:
            low = min(ended, key=lambda epoch: epoch[loss])
            best |= {loss: low[loss], f"{loss}_epoch": low["epoch"]}
    return best
