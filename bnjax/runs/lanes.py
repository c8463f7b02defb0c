"""Many runs as one program: states stacked along a first axis, the lanes, which an accelerator takes at once.

Lanes see the same images on the device; those of one seed, or of an unshuffled recipe, the same batches.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.stages import Wrapped

from bnjax.data import Dataset, epoch_order, in_memory
from bnjax.data.batches import Batch
from bnjax.probes.dying import FlatHistory
from bnjax.process.signals import held_signals
from bnjax.runs.epoch_record import diverged_fields, epoch_fields
from bnjax.runs.loop import WithinEpoch
from bnjax.runs.measure import Measured, Measuring, measure
from bnjax.runs.training import Run, Underway, check_train_images, has_diverged, site_kernels
from bnjax.settings.config import Config
from bnjax.train.feeding import Feeding, lane_of
from bnjax.train.initial import first_state
from bnjax.train.lane_step import LaneValues, WithValues, lane_values
from bnjax.train.mesh import replicate
from bnjax.train.norm_groups import check_norm_groups
from bnjax.train.programs import Programs
from bnjax.train.state import TrainState
from bnjax.train.step import Sums
from bnjax.train.stepping import order_parts, steps_in_loop

_AXIS = "lanes"
#: Called as ``emit(lane, "epoch", **fields)``.
LaneEmit = Callable[..., None]


@dataclass
class Lanes:
    """Runs under way side by side.

    Attributes:
      runs: one for each lane; their own ``state`` is that of the last :meth:`settle`.
      state, values: stacked; lanes that only fill up the program come last.
      loop: a :data:`bnjax.train.lane_step.LaneLoop` side by side, that ``jax.jit`` has wrapped.
    """

    runs: list[Run]
    state: TrainState
    values: LaneValues
    mesh: Mesh
    examples: Batch
    loop: Wrapped
    eval_step: Wrapped
    fresh_step: Wrapped
    shared_order: bool

    def settle(self) -> None:
        """Gives each run the state of its lane, on the host."""
        keys = jax.random.key_data(self.state.key)
        state = jax.device_get(self.state.replace(key=keys))
        for lane, run in enumerate(self.runs):
            mine = lane_of(state, lane)
            run.state = mine.replace(key=jax.random.wrap_key_data(jnp.asarray(mine.key)))


def prepare_lane_runs(configs: Sequence[Config], dataset: Dataset, programs: Programs) -> list[Run]:
    """The runs of lanes before their first step.

    Args:
      configs: resolved; of one task, see :func:`bnjax.sweeps.plan.plan`.

    Raises:
      ConfigError: norms have one value per channel.
      DataError: fewer training images than one batch, or weights that cannot be downloaded.
      WeightsError: the weights to start from are absent or do not fit.
    """
    check_train_images(configs[0], dataset)
    for config in configs:
        check_norm_groups(config, dataset)
    made = programs.gated_of(configs[0], dataset)
    shared = configs[0].shuffle == "none" or len({config.seed for config in configs}) == 1
    runs = []
    for config in configs:
        model = made.model_of(config)
        state = first_state(config, model, made.first_state)
        flat = FlatHistory(site_kernels(model, state))
        run = Run(config=config, dataset=dataset, model=model, state=state, flat=flat)
        run.lanes, run.shared_order = len(configs), shared
        runs.append(run)
    return runs


def join(runs: Sequence[Run], programs: Programs) -> Lanes:
    """Puts runs side by side that have come equally far, and began in a program for as many or more."""
    mesh = Mesh(np.array(jax.local_devices()), (_AXIS,))
    config, dataset, shared = runs[0].config, runs[0].dataset, runs[0].shared_order
    width = runs[0].lanes + -runs[0].lanes % mesh.size
    filled = [*runs, *[runs[-1]] * (width - len(runs))]
    made = programs.gated_of(config, dataset)
    along_lanes = NamedSharding(mesh, PartitionSpec(_AXIS))
    train = in_memory(dataset.train)
    weights = np.ones(len(train), np.float32)
    return Lanes(
        list(runs),
        jax.device_put(_stacked([run.state for run in filled]), along_lanes),
        jax.device_put(_stacked([lane_values(run.config) for run in filled]), along_lanes),
        mesh,
        replicate(Batch(train.images, train.labels, weights), mesh),
        made.loop_over_one_order if shared else made.loop_over_orders,
        made.lanes_evaluation,
        made.lanes_fresh,
        shared,
    )


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def train_lanes(
    lanes: Lanes,
    emit: LaneEmit,
    advance: Callable[[int], None],
    after_epoch: Callable[[], None] = lambda: None,
    within_epoch: WithinEpoch = lambda sum_up: 0.0,
) -> None:
    """Trains all lanes to the end, from where they are.

    A lane that diverges leaves the others alone; its last epoch says so.

    Args:
      lanes: changed in place: its state, its runs' epochs, and at the end its runs' states.
      emit: told of every lane's epochs.
      advance: told of steps done, over all lanes.
      after_epoch: called when an epoch of all lanes has been told.
      within_epoch: as in :func:`bnjax.runs.loop.train`.
    """
    started = time.perf_counter()
    with held_signals():  # as for a run by itself
        compile_loop(lanes)
    for run in lanes.runs:
        run.compile_seconds = time.perf_counter() - started
    for epoch in range(len(lanes.runs[0].epochs) + 1, lanes.runs[0].config.epochs + 1):
        train_lanes_epoch(lanes, epoch, advance, within_epoch)
        measured = _measure(lanes, epoch)
        with held_signals():  # what is recorded and what checkpoints hold go together
            for lane, run in enumerate(lanes.runs):
                if not has_diverged(run):
                    fields = _fields(run, epoch, measured[lane])
                    run.epochs.append(fields)
                    emit(lane, "epoch", **fields)
                run.underway = Underway()
        if all(has_diverged(run) for run in lanes.runs):
            break
        after_epoch()
    lanes.settle()


def _fields(run: Run, epoch: int, measured: Measured) -> dict[str, Any]:
    if not math.isfinite(measured.trained.loss):
        # The others' steps went on, so it has the steps of a whole epoch.
        return diverged_fields(run, epoch)
    return epoch_fields(run, epoch, measured)


def compile_loop(lanes: Lanes) -> None:
    """Compiles the training steps and takes none."""
    run = lanes.runs[0]
    stacked = () if lanes.shared_order else (len(lanes.state.step),)
    order = np.zeros((*stacked, steps_in_loop(run.steps_per_epoch), run.config.batch_size), np.int32)
    lanes.loop.lower(lanes.state, lanes.examples, _placed(order, lanes), 0, lanes.values).compile()


def train_lanes_epoch(
    lanes: Lanes,
    epoch: int,
    advance: Callable[[int], None],
    within_epoch: WithinEpoch = lambda sum_up: 0.0,
) -> None:
    """Takes the steps of an epoch that are left with all lanes; ends between two calls at a signal."""
    run = lanes.runs[0]
    first, before, started = run.underway.steps, run.underway.seconds, time.perf_counter()
    order, count = _orders(lanes, epoch), run.steps_per_epoch
    with held_signals() as stopping:
        for part, taken in order_parts(order, count, run.config.batch_size, first):
            placed = _placed(part, lanes)
            lanes.state, sums = lanes.loop(lanes.state, lanes.examples, placed, taken, lanes.values)
            on_host = jax.device_get(sums)
            for lane, mine in enumerate(lanes.runs):
                mine.underway.totals.add(Sums(*(values[lane, :taken] for values in on_host)))
                mine.underway.seconds = before + (time.perf_counter() - started) / len(lanes.runs)
            advance(taken * len(lanes.runs))
            if stopping:
                return
            started += within_epoch(lambda: None)


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


def _measure(lanes: Lanes, epoch: int) -> list[Measured]:
    eval_step, fresh_step = (WithValues(step, lanes.values) for step in (lanes.eval_step, lanes.fresh_step))
    feeding = Feeding(lanes.mesh, len(lanes.state.step))
    measuring = Measuring(eval_step, fresh_step, lanes.runs[0].model, feeding)
    return measure(lanes.runs, lanes.state, epoch, measuring)
