"""Many runs as one program: states stacked along a first axis, the lanes, which an accelerator takes at once.

Lanes see the same images on the device; those of one seed, or of an unshuffled recipe, the same batches.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from bnjax.config import Config
from bnjax.data import Dataset, epoch_order, input_scaling
from bnjax.data.batches import Batch
from bnjax.models import build_model
from bnjax.probes.dying import FlatHistory
from bnjax.train.evaluate import Evaluation, evaluate_lanes, lane_of
from bnjax.train.lane_step import (
    LaneValues,
    compiled,
    lane_eval_function,
    lane_loop_function,
    lane_values,
    side_by_side,
)
from bnjax.train.mesh import replicate
from bnjax.train.optimizer import make_optimizer
from bnjax.train.outcome import Measured, diverged_fields, epoch_fields
from bnjax.train.state import TrainState, create_state
from bnjax.train.step import Sums, Totals
from bnjax.train.training import Training, check_train_images, site_kernels

_AXIS = "lanes"
_STEPS_IN_LOOP = 100
#: Called as ``emit(lane, "epoch", **fields)``.
LaneEmit = Callable[..., None]


@dataclass
class Lanes:
    """Runs under way side by side.

    Attributes:
      runs: one for each lane; ``statuses`` says of each how it ended, or is "" while it goes on.
      state, values: stacked; lanes that only fill up the devices come last.
    """

    runs: list[Training]
    statuses: list[str]
    state: TrainState
    values: LaneValues
    mesh: Mesh
    examples: Batch
    loop: Callable[..., tuple[TrainState, Sums]]
    eval_step: Callable[..., Any]
    shared_order: bool


def lane_mesh() -> Mesh:
    """All local devices in a row, along the lanes."""
    return Mesh(np.array(jax.local_devices()), (_AXIS,))


def prepare_lanes(configs: Sequence[Config], dataset: Dataset) -> Lanes:
    """States and compiled functions of runs that one program can train, before their first step.

    Args:
      configs: resolved; equal by :func:`bnjax.train.programs.program_settings` of gated programs, in their
        numbers of epochs, and in how the data is used.

    Raises:
      DataError: fewer training images than one batch.
    """
    first, mesh = configs[0], lane_mesh()
    check_train_images(first, dataset)
    filled = [*configs, *[configs[-1]] * (-len(configs) % mesh.size)]
    scaling = input_scaling(first.input_scale, dataset.train.images)
    optimizer_at = partial(make_optimizer, first)
    model = build_model(first, dataset.num_classes, gated=True)
    image_shape = dataset.train.images.shape[1:]
    states = [
        create_state(model, optimizer_at(config.learning_rate), image_shape, config.seed) for config in filled
    ]
    along_lanes = NamedSharding(mesh, PartitionSpec(_AXIS))
    shared = first.shuffle == "none" or len({config.seed for config in configs}) == 1
    loop = side_by_side(lane_loop_function(model, optimizer_at, scaling), shared)
    evaluation = jax.vmap(lane_eval_function(model, scaling), in_axes=(0, 0, None, 0))
    eval_step = jax.jit(evaluation)
    values = jax.device_put(_stacked([lane_values(config) for config in filled]), along_lanes)
    runs = [
        Training(
            config,
            dataset,
            build_model(config, dataset.num_classes, gated=True),
            mesh,
            state,
            None,
            None,
            FlatHistory(site_kernels(model, state)),
        )
        for config, state in zip(configs, states, strict=False)
    ]
    weights = np.ones(len(dataset.train), np.float32)
    return Lanes(
        runs,
        [""] * len(runs),
        jax.device_put(_stacked(states), along_lanes),
        values,
        mesh,
        replicate(Batch(dataset.train.images, dataset.train.labels, weights), mesh),
        compiled(loop),
        lambda params, batch_stats, batch: eval_step(params, batch_stats, batch, values),
        shared,
    )


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def train_lanes(lanes: Lanes, emit: LaneEmit, advance: Callable[[int], None]) -> None:
    """Trains all lanes to the end; a lane that diverges leaves the others alone.

    Args:
      lanes: changed in place: its statuses become ``done`` or ``diverged``.
      emit: told of every lane's epochs.
      advance: told of steps done, over all lanes.
    """
    epochs = lanes.runs[0].config.epochs
    for epoch in range(1, epochs + 1):
        started = time.perf_counter()
        totals = _train_epoch(lanes, epoch, advance)
        seconds = (time.perf_counter() - started) / len(lanes.runs)
        measured = _measure(lanes, totals)
        for lane, run in enumerate(lanes.runs):
            if lanes.statuses[lane]:
                continue
            fields = _fields(run, epoch, measured[lane], seconds)
            run.epochs.append(fields)
            if fields["status"] == "diverged":
                lanes.statuses[lane] = "diverged"
            elif epoch == epochs:
                lanes.statuses[lane] = "done"
                run.state = lane_of(lanes.state, lane)
            emit(lane, "epoch", **fields)


def _fields(run: Training, epoch: int, measured: Measured, seconds: float) -> dict[str, Any]:
    if not math.isfinite(measured.trained.loss):
        # Which step it was is not known to the host: the others' steps went on.
        return diverged_fields(run, epoch, epoch * run.steps_per_epoch, seconds)
    return epoch_fields(run, epoch, measured, seconds)


def _train_epoch(lanes: Lanes, epoch: int, advance: Callable[[int], None]) -> list[Totals]:
    run = lanes.runs[0]
    count, size = run.steps_per_epoch, run.config.batch_size
    most = min(count, _STEPS_IN_LOOP)
    order = _orders(lanes, epoch)[..., : count * size]
    order = order.reshape(*order.shape[:-1], count, size)
    totals = [Totals() for _ in lanes.runs]
    for start in range(0, count, most):
        taken = min(most, count - start)
        part = np.zeros((*order.shape[:-2], most, size), np.int32)
        part[..., :taken, :] = order[..., start : start + taken, :]
        lanes.state, sums = lanes.loop(lanes.state, lanes.examples, _placed(part, lanes), taken, lanes.values)
        on_host = jax.device_get(sums)
        for lane, total in enumerate(totals):
            total.add(Sums(*(values[lane, :taken] for values in on_host)))
        advance(taken * len(totals))
    return totals


def _orders(lanes: Lanes, epoch: int) -> np.ndarray:
    """Positions of the images [images], or [lanes, images] where lanes differ in them."""
    configs = [run.config for run in lanes.runs]
    images = len(lanes.examples.labels)
    if lanes.shared_order:
        configs = configs[:1]
    orders = [epoch_order(images, config.shuffle, config.seed, epoch) for config in configs]
    if lanes.shared_order:
        return orders[0]
    return np.stack(orders + orders[-1:] * (len(lanes.state.step) - len(orders)))


def _placed(order: np.ndarray, lanes: Lanes) -> Array:
    spec = PartitionSpec() if lanes.shared_order else PartitionSpec(_AXIS)
    return jax.device_put(order, NamedSharding(lanes.mesh, spec))


def _measure(lanes: Lanes, totals: Sequence[Totals]) -> list[Measured]:
    dataset, run = lanes.runs[0].dataset, lanes.runs[0]

    def evaluated(part: Any) -> list[Evaluation]:
        size = run.config.eval_batch_size
        return evaluate_lanes(lanes.eval_step, lanes.state, part, size, lanes.mesh, run.model)

    test = evaluated(dataset.test)
    held_out = evaluated(dataset.validation) if dataset.validation else [None] * len(test)
    kernels = site_kernels(run.model, lanes.state)
    return [
        Measured(total, test[lane], held_out[lane], lane_of(kernels, lane))
        for lane, total in enumerate(totals)
    ]
