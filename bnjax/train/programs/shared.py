"""Compiled programs, shared by the runs of a process that differ in nothing that is compiled in."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import optax
from jax.stages import Wrapped
from jax.typing import ArrayLike

from bnjax.data import Dataset, InputScaling, input_scaling, steps_per_epoch
from bnjax.models import Network, build_model
from bnjax.probes import Need
from bnjax.process.memory import give_back_memory
from bnjax.settings.config import Config
from bnjax.settings.sharing import program_settings
from bnjax.train.optimizer import make_optimizer, make_updater
from bnjax.train.programs.run_programs import CutNetwork, RunPrograms, StaticPrograms, parts_of
from bnjax.train.size import tell_size
from bnjax.train.state import StateMaker, state_maker
from bnjax.train.steps.lane_step import (
    LaneLoop,
    OptimizerAt,
    WithValues,
    compiled_donating,
    lane_eval_function,
    lane_feature_function,
    lane_fresh_function,
    lane_loop_function,
    lane_observers,
    lane_step_function,
    lane_values,
    lanes_eval_function,
    lanes_fresh_function,
    lanes_observers,
    side_by_side,
)
from bnjax.train.steps.observe import compiled_observers

#: Then all are given up: what next runs need again lies on disk too, and each takes tens of megabytes.
_KEPT = 4


@dataclass
class GatedPrograms:
    """The programs of every placement, rate and slope, for runs in turn and for runs side by side.

    Attributes:
      steps_per_epoch: what a schedule of the learning rate needs to know; 0 without one.
    """

    config: Config
    num_classes: int
    image_shape: tuple[int, int, int]
    scaling: InputScaling
    steps_per_epoch: int

    def model_of(self, config: Config) -> Network:
        """The network of one run."""
        return build_model(config, self.num_classes, gated=True)

    def _optimizer_at(self, learning_rate: ArrayLike) -> optax.GradientTransformation:
        return make_optimizer(self.config, learning_rate, self.steps_per_epoch)

    def _updater_at(self, learning_rate: ArrayLike) -> optax.GradientTransformation:
        return make_updater(self.config, learning_rate, self.steps_per_epoch)

    @cached_property
    def _model(self) -> Network:
        return self.model_of(self.config)

    @cached_property
    def _cut(self) -> CutNetwork:
        return parts_of(self._model, self.config, self.scaling)

    @property
    def _parts(self) -> tuple[Network, OptimizerAt, InputScaling | None, float]:
        return self._cut.trained, self._optimizer_at, self._cut.scaling, self.config.label_smoothing

    @property
    def _observed_parts(self) -> tuple[Network, OptimizerAt, InputScaling | None, float]:
        return self._cut.trained, self._updater_at, self._cut.scaling, self.config.label_smoothing

    @cached_property
    def first_state(self) -> StateMaker:
        """Makes a run's state from its seed."""
        return state_maker(self._model, self._optimizer_at(self.config.learning_rate), self.image_shape)

    @cached_property
    def _step(self) -> Wrapped:
        return compiled_donating(lane_step_function(*self._parts))

    @cached_property
    def _loop_function(self) -> LaneLoop:
        return lane_loop_function(*self._parts)

    @cached_property
    def _loop(self) -> Wrapped:
        return compiled_donating(self._loop_function)

    @cached_property
    def _evaluation(self) -> Wrapped:
        return jax.jit(lane_eval_function(self._cut.trained, self._cut.scaling))

    @cached_property
    def _features(self) -> Wrapped:
        return jax.jit(lane_feature_function(self._cut.frozen, self.scaling))

    @cached_property
    def _fresh(self) -> Wrapped:
        return jax.jit(lane_fresh_function(self._cut.trained, self._cut.scaling))

    @cached_property
    def _observers(self) -> dict[Need | str, Wrapped]:
        return compiled_observers(lane_observers(*self._observed_parts))

    @cached_property
    def loop_over_one_order(self) -> Wrapped:
        """The loop of stacked states which see the same batches."""
        return compiled_donating(side_by_side(self._loop_function, shared_order=True))

    @cached_property
    def loop_over_orders(self) -> Wrapped:
        """The loop of stacked states with batches of their own."""
        return compiled_donating(side_by_side(self._loop_function, shared_order=False))

    @cached_property
    def lanes_evaluation(self) -> Wrapped:
        """The evaluation of stacked states on the same batch."""
        return jax.jit(lanes_eval_function(self._cut.trained, self._cut.scaling))

    @cached_property
    def lanes_fresh(self) -> Wrapped:
        """The fresh statistics of stacked states from the same batches."""
        return jax.jit(lanes_fresh_function(self._cut.trained, self._cut.scaling))

    @cached_property
    def lanes_observers(self) -> dict[Need | str, Wrapped]:
        """What probes ask for, of stacked states on the same batch."""
        return compiled_observers(lanes_observers(*self._observed_parts))

    def of(self, config: Config) -> RunPrograms:
        """The programs of a run by itself: its values are bound, nothing is compiled for it."""
        values = lane_values(config)
        model = self.model_of(config)
        return RunPrograms(
            model,
            self.first_state,
            WithValues(self._step, values),
            WithValues(self._loop, values),
            WithValues(self._evaluation, values),
            *parts_of(model, config, self.scaling)[:2],
            WithValues(self._features, values),
            WithValues(self._fresh, values),
            {what: WithValues(observe, values) for what, observe in self._observers.items()},
        )


@dataclass
class Programs:
    """Makes the programs of runs, and keeps a few of them for the next run."""

    _made: dict[Hashable, Any] = field(default_factory=dict)

    def of(self, config: Config, dataset: Dataset, gated: bool) -> RunPrograms:
        """The programs of a resolved config's run; a gated one serves all placements, rates and slopes."""
        if gated:
            return self.gated_of(config, dataset).of(config)
        return self._once(StaticPrograms, config, dataset, gated=False).of(config)

    def gated_of(self, config: Config, dataset: Dataset) -> GatedPrograms:
        """The programs that a config's run shares with all that differ in traced values."""
        return self._once(GatedPrograms, config, dataset, gated=True)

    def _once(self, kind: Callable[..., Any], config: Config, dataset: Dataset, gated: bool) -> Any:
        scaling = input_scaling(config.input_scale, dataset.train)
        steps = steps_per_epoch(len(dataset.train), config.batch_size, config.trains_on_rest)
        scheduled = steps if config.schedule != "constant" else 0
        shared = (dataset.num_classes, dataset.train.image_shape, scaling, scheduled)
        key = (kind, program_settings(config, gated), shared)
        if key not in self._made:
            if self._made:
                self._make_room()
            self._made[key] = kind(config, *shared)
            tell_size(config, self._made[key].first_state.shapes())
        return self._made[key]

    def _make_room(self) -> None:
        if len(self._made) == _KEPT:
            self._made.clear()
            jax.clear_caches()  # hold traces and programs of functions that are gone
        give_back_memory()
