"""The loop over epochs: trains, evaluates, counts dying units, and tells each of its records."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from bnjax.config import Config
from bnjax.data import Dataset, input_scaling, steps_per_epoch, train_batches
from bnjax.data.image_set import DataError
from bnjax.models import Network, build_model
from bnjax.models.network import unit_name
from bnjax.probes.dying import FlatHistory, dying_counts, silent_units
from bnjax.train.evaluate import Evaluation, evaluate
from bnjax.train.mesh import check_batch_size, data_mesh, replicate, shard_batch
from bnjax.train.optimizer import make_optimizer
from bnjax.train.progress import Progress
from bnjax.train.state import TrainState, create_state, state_digest
from bnjax.train.step import EvalStep, Sums, TrainStep, make_eval_step, make_train_step

#: How many steps may be under way before their sums are looked at: enough to keep the device busy.
_STEPS_IN_FLIGHT = 8


class Diverged(Exception):
    """A training loss is not finite."""


@dataclass
class Training:
    """A run under way: what it needs, its state, and what it has recorded so far."""

    config: Config
    dataset: Dataset
    model: Network
    mesh: Mesh
    state: TrainState
    train_step: TrainStep
    eval_step: EvalStep
    flat: FlatHistory
    epochs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in one epoch."""
        return steps_per_epoch(len(self.dataset.train), self.config.batch_size)


def prepare(config: Config, dataset: Dataset) -> Training:
    """Network, state and compiled steps of a run, before its first step.

    Raises:
      ConfigError: the batch does not fit the devices.
      DataError: fewer training images than one batch.
    """
    mesh = data_mesh()
    check_batch_size(config.batch_size, mesh)
    if len(dataset.train) < config.batch_size:
        raise DataError(
            f"{config.dataset}: {len(dataset.train)} training images are less than one batch of "
            f"{config.batch_size}; use a smaller --batch_size"
        )
    model = build_model(config, dataset.num_classes)
    scaling = input_scaling(config.input_scale, dataset.train.images)
    optimizer = make_optimizer(config)
    state = replicate(create_state(model, optimizer, dataset.train.images.shape[1:], config.seed), mesh)
    return Training(
        config,
        dataset,
        model,
        mesh,
        state,
        make_train_step(model, optimizer, scaling),
        make_eval_step(model, scaling),
        FlatHistory(site_kernels(model, state)),
    )


def site_kernels(model: Network, state: TrainState) -> dict[str, np.ndarray]:
    """Site -> its unit's kernel [..., features], on the host."""
    kernels = {site.name: state.params[unit_name(site.name)]["kernel"] for site in model.sites}
    # A copy: on CPU the host array would share memory that the next step's donation gives away.
    return {site: np.array(kernel) for site, kernel in kernels.items()}


def train(run: Training, emit: Callable[..., None], progress: Progress) -> str:
    """Trains to the end, telling an ``epoch`` record after each epoch.

    Returns:
      ``done`` or ``diverged``.
    """
    compile_train_step(run)
    for epoch in range(len(run.epochs) + 1, run.config.epochs + 1):
        started = time.perf_counter()
        try:
            loss, accuracy = _train_epoch(run, epoch, progress)
        except Diverged:
            run.epochs.append(_diverged_epoch(run, epoch, time.perf_counter() - started))
            emit("epoch", **run.epochs[-1])
            return "diverged"
        seconds = time.perf_counter() - started
        run.epochs.append(_epoch(run, epoch, loss, accuracy, seconds))
        emit("epoch", **run.epochs[-1])
        if run.epochs[-1]["status"] == "diverged":
            return "diverged"
    return "done"


def compile_train_step(run: Training) -> None:
    """One step on a copy of the state, so that no epoch's time holds the compilation."""
    batch = next(_batches(run, 1))
    jax.block_until_ready(run.train_step(jax.tree.map(jnp.copy, run.state), shard_batch(batch, run.mesh)))


def _batches(run: Training, epoch: int) -> Any:
    config = run.config
    return train_batches(run.dataset.train, config.batch_size, config.shuffle, config.seed, epoch)


def _train_epoch(run: Training, epoch: int, progress: Progress) -> tuple[float, float]:
    """Mean loss and accuracy over the batches as they were trained."""
    total = Sums(0.0, 0, 0)
    under_way: deque[Sums] = deque()
    for batch in _batches(run, epoch):
        run.state, sums = run.train_step(run.state, shard_batch(batch, run.mesh))
        under_way.append(sums)
        if len(under_way) > _STEPS_IN_FLIGHT:
            total = _add(total, under_way.popleft())
            progress.step(epoch, total.loss / total.count)
    for sums in under_way:
        total = _add(total, sums)
        progress.step(epoch, total.loss / total.count)
    return total.loss / total.count, total.correct / total.count


def _add(total: Sums, sums: Sums) -> Sums:
    sums = jax.device_get(sums)
    if not math.isfinite(sums.loss):
        raise Diverged
    return Sums(total.loss + float(sums.loss), total.correct + int(sums.correct), total.count + int(sums.count))


def _epoch(run: Training, epoch: int, loss: float, accuracy: float, seconds: float) -> dict[str, Any]:
    test = _evaluate(run, run.dataset.test)
    held_out = _evaluate(run, run.dataset.validation) if run.dataset.validation else None
    silent = {
        site: silent_units(largest, run.config.activation)
        for site, largest in test.activation_input_max.items()
    }
    flat = run.flat.observe(site_kernels(run.model, run.state))
    steps = run.steps_per_epoch
    return {
        "epoch": epoch,
        "step": epoch * steps,
        "status": "ok" if math.isfinite(test.loss) else "diverged",
        "train_loss": loss,
        "train_accuracy": accuracy,
        "validation_loss": held_out.loss if held_out else None,
        "validation_accuracy": held_out.accuracy if held_out else None,
        "test_loss": test.loss,
        "test_accuracy": test.accuracy,
        "dying": dying_counts(silent, flat),
        "seconds": round(seconds, 3),
        "images_per_second": round(steps * run.config.batch_size / seconds, 1),
    }


def _evaluate(run: Training, part: Any) -> Evaluation:
    return evaluate(run.eval_step, run.state, part, run.config.eval_batch_size, run.mesh, run.model)


def _diverged_epoch(run: Training, epoch: int, seconds: float) -> dict[str, Any]:
    step = int(run.state.step)
    taken = step - (epoch - 1) * run.steps_per_epoch
    unknown = dict.fromkeys(
        ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")
    )
    return {
        "epoch": epoch,
        "step": step,
        "status": "diverged",
        **unknown,
        "dying": {},
        "seconds": round(seconds, 3),
        "images_per_second": round(taken * run.config.batch_size / seconds, 1),
    }


METRICS = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")


def summary(run: Training, status: str, seconds: float) -> dict[str, Any]:
    """The fields of the ``summary`` record."""
    ended = [epoch for epoch in run.epochs if epoch["status"] == "ok"]
    final, best = {}, {}
    if ended:
        final = {name: ended[-1][name] for name in METRICS}
        top = max(ended, key=lambda epoch: epoch["test_accuracy"])
        low = min(ended, key=lambda epoch: epoch["test_loss"])
        best = {
            "test_accuracy": top["test_accuracy"],
            "test_accuracy_epoch": top["epoch"],
            "test_loss": low["test_loss"],
            "test_loss_epoch": low["epoch"],
        }
    return {
        "status": status,
        "epochs": len(run.epochs),
        "steps": run.epochs[-1]["step"] if run.epochs else 0,
        "final": final,
        "best": best,
        "dying": ended[-1]["dying"] if ended else {},
        "state_sha256": state_digest(run.state) if status == "done" else None,
        "seconds": round(seconds, 3),
    }
