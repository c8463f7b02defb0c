"""Steps of programs that serve many runs: what the runs differ in is traced, not compiled in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.stages import Lowered, Wrapped
from jax.typing import ArrayLike

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import Network
from bnjax.models.gates import placement_gates
from bnjax.settings.config import Config
from bnjax.train.state import TrainState
from bnjax.train.steps.eval_step import Found, Outputs, eval_function, feature_function
from bnjax.train.steps.fresh import fresh_function
from bnjax.train.steps.observe import Observers, all_observed
from bnjax.train.steps.step import loop_function, step_function
from bnjax.train.steps.subject import Subject
from bnjax.train.steps.sums import Sums

OptimizerAt = Callable[[ArrayLike], optax.GradientTransformation]


class LaneValues(NamedTuple):
    """What the runs of one program differ in beside their states; scalars, or stacked along a first axis.

    They carry the settings whose role is ``TRACED``.

    Attributes:
      gates: the collection that switches the norms of a gated network.
      dropout, negative_slope, learning_rate: as in :class:`bnjax.settings.config.Config`.
    """

    gates: Any
    dropout: ArrayLike
    negative_slope: ArrayLike
    learning_rate: ArrayLike


LaneStep = Callable[[TrainState, Batch, LaneValues], tuple[TrainState, Sums]]
LaneLoop = Callable[[TrainState, Batch, ArrayLike, int, LaneValues], tuple[TrainState, Sums]]
LaneEval = Callable[[Any, Sequence[Any], Batch, LaneValues], list[Found]]
LaneFeatures = Callable[[Any, Any, Batch, LaneValues], Outputs]
LaneFresh = Callable[[TrainState, Any, Any, Batch, LaneValues], Any]


def lane_values(config: Config) -> LaneValues:
    """The values of one run."""
    numbers = (config.dropout, config.negative_slope, config.learning_rate)
    return LaneValues(placement_gates(config.parsed_placement()), *(jnp.asarray(n, float) for n in numbers))


@dataclass(frozen=True)
class WithValues:
    """A program whose last argument, the values, is given."""

    program: Wrapped
    values: LaneValues

    def __call__(self, *arguments: Any) -> Any:
        return self.program(*arguments, self.values)

    def lower(self, *arguments: Any) -> Lowered:
        return self.program.lower(*arguments, self.values)


def _with_values(model: Network, values: LaneValues) -> Network:
    return model.clone(dropout=values.dropout, negative_slope=values.negative_slope)


def lane_step_function(
    model: Network, optimizer_at: OptimizerAt, scaling: InputScaling | None, label_smoothing: float = 0.0
) -> LaneStep:
    """``step(state, batch, values)``, see :func:`bnjax.train.steps.step.make_train_step`.

    Args:
      model: gated.
      optimizer_at: makes the optimizer from a learning rate.
    """

    def step(state: TrainState, batch: Batch, values: LaneValues) -> tuple[TrainState, Sums]:
        optimizer = optimizer_at(values.learning_rate)
        own = _with_values(model, values)
        return step_function(own, optimizer, scaling, values.gates, label_smoothing)(state, batch)

    return step


def lane_loop_function(
    model: Network, optimizer_at: OptimizerAt, scaling: InputScaling | None, label_smoothing: float = 0.0
) -> LaneLoop:
    """``loop(state, examples, order, count, values)``, see :func:`bnjax.train.steps.step.make_train_loop`."""
    step = lane_step_function(model, optimizer_at, scaling, label_smoothing)

    def loop(
        state: TrainState, examples: Batch, order: ArrayLike, count: int, values: LaneValues
    ) -> tuple[TrainState, Sums]:
        def one(state: TrainState, batch: Batch) -> tuple[TrainState, Sums]:
            return step(state, batch, values)

        return loop_function(one, model)(state, examples, order, count)

    return loop


def lane_eval_function(model: Network, scaling: InputScaling | None) -> LaneEval:
    """``step(params, statistics, batch, values)``, see :func:`~.eval_step.make_eval_step`."""

    def step(params: Any, statistics: Sequence[Any], batch: Batch, values: LaneValues) -> list[Found]:
        return eval_function(_with_values(model, values), scaling, values.gates)(params, statistics, batch)

    return step


def lane_feature_function(model: Network, scaling: InputScaling) -> LaneFeatures:
    """The same of a network that ends with a block, see :func:`~.eval_step.make_feature_step`."""

    def step(params: Any, batch_stats: Any, batch: Batch, values: LaneValues) -> Outputs:
        own = _with_values(model, values)
        return feature_function(own, scaling, values.gates)(params, batch_stats, batch)

    return step


def lane_fresh_function(model: Network, scaling: InputScaling | None) -> LaneFresh:
    """``step(state, statistics, number, batch, values)``, see :func:`~.fresh.make_fresh_step`."""

    def step(state: TrainState, statistics: Any, number: Any, batch: Batch, values: LaneValues) -> Any:
        own = _with_values(model, values)
        return fresh_function(own, scaling, values.gates)(state, statistics, number, batch)

    return step


def lanes_fresh_function(model: Network, scaling: InputScaling | None) -> LaneFresh:
    """The same of stacked states, statistics and values on one batch."""
    return jax.vmap(lane_fresh_function(model, scaling), in_axes=(0, 0, None, None, 0))


def lane_observers(
    model: Network, updater_at: OptimizerAt, scaling: InputScaling | None, label_smoothing: float
) -> Observers:
    """What probes ask for: ``observe(state, statistics, batch, values)``, see :mod:`~.observe`."""

    def with_values(observe: Callable[..., Any]) -> Callable[..., Any]:
        def observed(state: TrainState, statistics: Any, batch: Any, values: LaneValues) -> Any:
            own, updater = _with_values(model, values), updater_at(values.learning_rate)
            return observe(
                Subject(own, updater, scaling, values.gates, label_smoothing), state, statistics, batch
            )

        return observed

    return {what: with_values(observe) for what, observe in all_observed().items()}


def lanes_observers(
    model: Network, updater_at: OptimizerAt, scaling: InputScaling | None, label_smoothing: float
) -> Observers:
    """The same of stacked states, statistics and values on one batch."""
    observers = lane_observers(model, updater_at, scaling, label_smoothing)
    return {what: jax.vmap(observe, in_axes=(0, 0, None, 0)) for what, observe in observers.items()}


def lanes_eval_function(model: Network, scaling: InputScaling | None) -> LaneEval:
    """The same of stacked parameters, statistics and values on one batch."""
    return jax.vmap(lane_eval_function(model, scaling), in_axes=(0, 0, None, 0))


def compiled_donating(function: Callable) -> Wrapped:
    """A step or loop whose state, its first argument, is donated."""
    return jax.jit(function, donate_argnums=0)


def side_by_side(loop: LaneLoop, shared_order: bool) -> LaneLoop:
    """The loop of stacked states and values over the same examples.

    Args:
      shared_order: whether ``order`` is one for all lanes, else [lanes, most, batch size].
    """
    return jax.vmap(loop, in_axes=(0, None, None if shared_order else 0, None, 0))
