"""The compiled programs of a run."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bnjax.data import InputScaling
from bnjax.models import Network, build_model
from bnjax.settings.config import Config
from bnjax.settings.finetuning import precomputed_block
from bnjax.train.optimizer import make_optimizer, make_updater
from bnjax.train.state import StateMaker, state_maker
from bnjax.train.steps.eval_step import EvalStep, FeatureStep, make_eval_step, make_feature_step
from bnjax.train.steps.fresh import FreshStep, make_fresh_step
from bnjax.train.steps.observe import Observers, make_observers
from bnjax.train.steps.step import TrainLoop, TrainStep, make_train_loop, make_train_step
from bnjax.train.steps.subject import Subject


class RunPrograms(NamedTuple):
    """What a run calls: its network, what makes its first state from a seed, and its compiled functions.

    Attributes:
      frozen_part, trained_part: the network up to the block that is computed once, and behind it, where the
        steps begin; without such a block each is the whole.
      feature_step: of the frozen part, the others of the trained one.
      observers: what probes ask for, see :mod:`bnjax.train.steps.observe`.
    """

    model: Network
    first_state: StateMaker
    train_step: TrainStep
    train_loop: TrainLoop
    eval_step: EvalStep
    frozen_part: Network
    trained_part: Network
    feature_step: FeatureStep
    fresh_step: FreshStep
    observers: Observers


class CutNetwork(NamedTuple):
    """A network cut where ``precompute_frozen`` says; ``scaling`` is that of the trained part."""

    frozen: Network
    trained: Network
    scaling: InputScaling | None


def parts_of(model: Network, config: Config, scaling: InputScaling) -> CutNetwork:
    """The parts of a run's network."""
    block = precomputed_block(config)
    trained_scaling = None if block else scaling
    return CutNetwork(model.clone(ends_with=block), model.clone(starts_behind=block), trained_scaling)


@dataclass
class StaticPrograms:
    """The programs of one placement, rate and slope."""

    config: Config
    num_classes: int
    image_shape: tuple[int, int, int]
    scaling: InputScaling
    steps_per_epoch: int

    @cached_property
    def _made(self) -> RunPrograms:
        model = build_model(self.config, self.num_classes)
        optimizer, updater = (
            made(self.config, steps_per_epoch=self.steps_per_epoch) for made in (make_optimizer, make_updater)
        )
        frozen, trained, scaling = parts_of(model, self.config, self.scaling)
        parts = (trained, optimizer, scaling, self.config.label_smoothing)
        return RunPrograms(
            model,
            state_maker(model, optimizer, self.image_shape),
            make_train_step(*parts),
            make_train_loop(*parts),
            make_eval_step(trained, scaling),
            frozen,
            trained,
            make_feature_step(frozen, self.scaling),
            make_fresh_step(trained, scaling),
            make_observers(Subject(trained, updater, scaling, None, self.config.label_smoothing)),
        )

    @property
    def first_state(self) -> StateMaker:
        return self._made.first_state

    def of(self, config: Config) -> RunPrograms:
        """The programs of a run with these settings."""
        return self._made
