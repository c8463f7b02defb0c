"""What probes ask of a device: functions of a state and a batch that change neither.

Each is ``observe(subject, state, statistics, batch)``, with fresh statistics, where there are any, in the
form of the state's ``batch_stats``; compiled when a run first asks for it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
from jax.stages import Wrapped

from bnjax.probes import Need
from bnjax.train.steps.observe_features import confidences, evaluation_moments, feature_rank, input_shapes
from bnjax.train.steps.observe_loss import along_gradient, gradient_below, gradient_norms, lanczos_step
from bnjax.train.steps.subject import Subject

#: What is observed for a need of a probe.
OBSERVED: dict[Need, Callable[..., Any]] = {
    Need.GRADIENTS: gradient_norms,
    Need.EVALUATION: evaluation_moments,
    Need.INPUTS: input_shapes,
    Need.FEATURES: feature_rank,
    Need.CONFIDENCE: confidences,
    Need.BELOW: gradient_below,
    Need.LANDSCAPE: along_gradient,
    Need.CURVATURE: lanczos_step,
}
Observers = Mapping[Need, Callable[..., Any]]


def make_observers(subject: Subject) -> Observers:
    """What is observed of one state: ``observe(state, statistics, batch)``, each compiled."""
    return compiled_observers({need: partial(observe, subject) for need, observe in OBSERVED.items()})


def compiled_observers(made: Mapping[Need, Callable[..., Any]]) -> dict[Need, Wrapped]:
    """Each of them compiled when it is first called."""
    return {need: jax.jit(observe) for need, observe in made.items()}
