"""Many runs as one program: states stacked along a first axis, the lanes, which an accelerator takes at once.

Lanes see the same images on the device; those of one seed, or of an unshuffled recipe, the same batches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bnjax.data import Dataset, in_memory
from bnjax.runs.hosts import ALONE, Hosts
from bnjax.runs.observe import Measuring
from bnjax.runs.training import Run, check_batches
from bnjax.settings.config import Config
from bnjax.train.feeding import Feeding, lane_of
from bnjax.train.mesh import lane_mesh, shard_lanes
from bnjax.train.programs.shared import Programs
from bnjax.train.programs.stepping import LaneSteps
from bnjax.train.state import TrainState
from bnjax.train.steps.lane_step import WithValues, lane_values
from bnjax.train.steps.sums import Sums


@dataclass
class Lanes:
    """Runs side by side, a :class:`bnjax.runs.group.RunGroup`.

    Attributes:
      runs: one for each lane.
      state: stacked; lanes that only fill up the program come last.
    """

    runs: list[Run]
    state: TrainState
    steps: LaneSteps
    measuring: Measuring
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
        check_batches(config, dataset)
    made = programs.gated_of(configs[0], dataset)
    shared = configs[0].shuffle == "none" or len({config.seed for config in configs}) == 1
    common: dict[str, Any] = dict(lanes=len(configs), shared_order=shared)
    return [Run.begun(config, dataset, made.of(config), **common) for config in configs]


def join_runs(runs: Sequence[Run], programs: Programs) -> Lanes:
    """Puts runs side by side that have come equally far, and began in a program for as many or more."""
    mesh = lane_mesh()
    first = runs[0]
    width = first.lanes + -first.lanes % mesh.size
    filled = [*runs, *[runs[-1]] * (width - len(runs))]
    values = shard_lanes(_stacked([lane_values(run.config) for run in filled]), mesh)
    made = programs.gated_of(first.config, first.dataset)
    loop, evaluation, fresh = (
        WithValues(program, values)
        for program in (
            made.loop_over_one_order if first.shared_order else made.loop_over_orders,
            made.lanes_evaluation,
            made.lanes_fresh,
        )
    )
    observers = {need: WithValues(program, values) for need, program in made.lanes_observers.items()}
    seeds = None if first.shared_order else [run.config.seed for run in filled]
    return Lanes(
        list(runs),
        shard_lanes(_stacked([run.state for run in filled]), mesh),
        LaneSteps(first.config, loop, in_memory(first.dataset.train), mesh, seeds),
        Measuring(evaluation, fresh, observers, first.model, Feeding(mesh, width)),
    )


def _stacked(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
