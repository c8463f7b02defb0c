"""Many runs as one program: states stacked along a first axis, the lanes, which an accelerator takes at once.

Lanes see the same images on the device; those of one seed, or of an unshuffled recipe, the same batches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from bnjax.data import Dataset, in_memory
from bnjax.data.batches import Batch
from bnjax.runs.epoch_record import Measured
from bnjax.runs.hosts import ALONE, Hosts
from bnjax.runs.training import Run, check_images, site_kernels
from bnjax.settings.config import Config
from bnjax.train.evaluate import Evaluation, evaluate_lanes, lane_of
from bnjax.train.lane_step import LaneEval, LaneValues, lane_values
from bnjax.train.mesh import lane_mesh, shard_lanes
from bnjax.train.programs import Programs, WithValues
from bnjax.train.state import TrainState
from bnjax.train.step import Sums
from bnjax.train.stepping import LaneSteps


@dataclass
class Lanes:
    """Runs side by side, a :class:`bnjax.runs.group.RunGroup`.

    Attributes:
      runs: one for each lane.
      state, values: stacked; lanes that only fill up the program come last.
    """

    runs: list[Run]
    state: TrainState
    values: LaneValues
    mesh: Mesh
    steps: LaneSteps
    eval_step: LaneEval
    hosts: Hosts = ALONE

    @property
    def lanes(self) -> int:
        """How many runs there are."""
        return len(self.runs)

    def start(self, describe: Callable[[str], None]) -> None:
        """Nothing comes before their first step."""

    def of_each(self, sums: Sums) -> list[Sums]:
        """Sums [lanes, steps] -> those of each run [steps]."""
        return [lane_of(sums, lane) for lane in range(len(self.runs))]

    def measure(self) -> list[Measured]:
        """Evaluates all runs at once."""
        return _measure(self)

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
    for config in configs:
        check_images(config, dataset)
    made = programs.gated_of(configs[0], dataset)
    shared = configs[0].shuffle == "none" or len({config.seed for config in configs}) == 1
    common: dict[str, Any] = dict(lanes=len(configs), shared_order=shared)
    return [Run.begun(config, dataset, made.of(config), **common) for config in configs]


def join(runs: Sequence[Run], programs: Programs) -> Lanes:
    """Puts runs side by side that have come equally far, and began in a program for as many or more."""
    mesh = lane_mesh()
    first = runs[0]
    width = first.lanes + -first.lanes % mesh.size
    filled = [*runs, *[runs[-1]] * (width - len(runs))]
    made = programs.gated_of(first.config, first.dataset)
    loop = made.loop_over_one_order if first.shared_order else made.loop_over_orders
    values = shard_lanes(_stacked([lane_values(run.config) for run in filled]), mesh)
    seeds = None if first.shared_order else [run.config.seed for run in filled]
    train = in_memory(first.dataset.train)
    return Lanes(
        list(runs),
        shard_lanes(_stacked([run.state for run in filled]), mesh),
        values,
        mesh,
        LaneSteps(first.config, WithValues(loop, values), train, mesh, seeds),
        made.lanes_evaluation,
    )


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _measure(lanes: Lanes) -> list[Measured]:
    run = lanes.runs[0]
    dataset, size = run.dataset, run.config.eval_batch_size

    def step(params: Any, batch_stats: Any, batch: Batch) -> Any:
        return lanes.eval_step(params, batch_stats, batch, lanes.values)

    def evaluated(part: Any) -> list[Evaluation]:
        return evaluate_lanes(step, lanes.state, part, size, lanes.mesh, run.model)

    test = evaluated(dataset.test)
    held_out = evaluated(dataset.validation) if dataset.validation else [None] * len(test)
    seen = evaluated(dataset.train) if run.config.evaluate_train else [None] * len(test)
    kernels = site_kernels(run.model, lanes.state)
    return [
        Measured(mine.underway.totals, test[lane], held_out[lane], seen[lane], lane_of(kernels, lane))
        for lane, mine in enumerate(lanes.runs)
    ]
