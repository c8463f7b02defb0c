"""Compiled programs, shared by those runs of a process that differ in nothing that is compiled in."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import optax
from jax.typing import ArrayLike

from bnjax.config import Config, identity
from bnjax.data import InputScaling
from bnjax.models import Network, build_model
from bnjax.train.lane_step import (
    TRACED_SETTINGS,
    compiled,
    lane_eval_function,
    lane_loop_function,
    lane_step_function,
    lane_values,
)
from bnjax.train.optimizer import make_optimizer
from bnjax.train.step import EvalStep, TrainLoop, TrainStep, make_eval_step, make_train_loop, make_train_step

#: Settings that no program depends on.
_NEVER_COMPILED_IN = ("seed", "epochs", "recipe", "dataset", "validation", "shuffle", "input_scale")


class RunPrograms(NamedTuple):
    """What a run calls: its network, the optimizer that makes its first state, and its compiled functions."""

    model: Network
    optimizer: optax.GradientTransformation
    train_step: TrainStep
    train_loop: TrainLoop
    eval_step: EvalStep


def program_settings(config: Config, gated: bool) -> tuple[tuple[str, Any], ...]:
    """The settings of a resolved config that its program has built in: equal ones, one program.

    Args:
      gated: whether placements, rates and slopes are traced.
    """
    free = {*_NEVER_COMPILED_IN, *(TRACED_SETTINGS if gated else ())}
    return tuple((name, value) for name, value in sorted(identity(config).items()) if name not in free)


@dataclass
class Programs:
    """Makes the programs of runs, each once.

    Attributes:
      gated: one program serves every placement, dropout rate, slope and learning rate. Its steps take longer
        than those of a program of one placement, so it pays where compiling takes longer than training.
    """

    gated: bool = False
    _made: dict[Hashable, Any] = field(default_factory=dict)

    def of(self, config: Config, num_classes: int, scaling: InputScaling) -> RunPrograms:
        """The programs of a resolved config's run."""
        key = (program_settings(config, self.gated), num_classes, scaling)
        make = _gated_programs if self.gated else _static_programs
        if key not in self._made:
            self._made[key] = make(config, num_classes, scaling)
        return self._made[key](config)


def _static_programs(
    config: Config, num_classes: int, scaling: InputScaling
) -> Callable[[Config], RunPrograms]:
    model, optimizer = build_model(config, num_classes), make_optimizer(config)
    made = RunPrograms(
        model,
        optimizer,
        make_train_step(model, optimizer, scaling),
        make_train_loop(model, optimizer, scaling),
        make_eval_step(model, scaling),
    )
    return lambda _: made


def _gated_programs(
    config: Config, num_classes: int, scaling: InputScaling
) -> Callable[[Config], RunPrograms]:
    model, optimizer_at = build_model(config, num_classes, gated=True), partial(make_optimizer, config)
    step = compiled(lane_step_function(model, optimizer_at, scaling))
    loop = compiled(lane_loop_function(model, optimizer_at, scaling))
    evaluation = jax.jit(lane_eval_function(model, scaling))

    def with_values_of(run: Config) -> RunPrograms:
        values = lane_values(run)

        def take_loop(state: Any, examples: Any, order: ArrayLike, count: int) -> Any:
            return loop(state, examples, order, count, values)

        return RunPrograms(
            build_model(run, num_classes, gated=True),
            optimizer_at(run.learning_rate),
            lambda state, batch: step(state, batch, values),
            take_loop,
            lambda params, batch_stats, batch: evaluation(params, batch_stats, batch, values),
        )

    return with_values_of
