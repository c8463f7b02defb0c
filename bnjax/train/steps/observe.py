"""What probes ask of a device: functions of a state and a batch that change neither.

Each is ``observe(subject, state, statistics, batch)``, with fresh statistics, where there are any, in the
form of the state's ``batch_stats``; compiled when a run first asks for it.
"""

import pkgutil
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
from jax.stages import Wrapped

from bnjax.plugins import PluginError
from bnjax.probes import PROBES, Need
from bnjax.train.steps.observe_features import confidences, evaluation_moments, feature_rank, input_shapes
from bnjax.train.steps.observe_loss import (
    along_gradient,
    gradient_below,
    gradient_norms,
    lanczos_step,
    start,
)
from bnjax.train.steps.subject import Subject

#: What several needs start from, which takes the place of statistics there.
START = Need.GRADIENTS | Need.BELOW | Need.LANDSCAPE
#: What is observed for a need of a probe.
OBSERVED: dict[Need | str, Callable[..., Any]] = {
    START: start,
    Need.GRADIENTS: gradient_norms,
    Need.EVALUATION: evaluation_moments,
    Need.INPUTS: input_shapes,
    Need.FEATURES: feature_rank,
    Need.CONFIDENCE: confidences,
    Need.BELOW: gradient_below,
    Need.LANDSCAPE: along_gradient,
    Need.CURVATURE: lanczos_step,
}
#: By what probes need in common, and by the names of those that bring a function.
Observers = Mapping[Need | str, Callable[..., Any]]


def all_observed() -> Observers:
    """The same, and what probes observe by functions of their own."""
    own: dict[Need | str, Callable[..., Any]] = {
        name: partial(_by_its_own, probe.observe) for name, probe in PROBES.items() if probe.observe
    }
    return {**OBSERVED, **own}


def _by_its_own(function: str, *arguments: Any) -> Any:
    """Calls what a probe names, see :attr:`bnjax.probes.Probe.observe`.

    Raises:
      PluginError: there is no such function.
    """
    try:
        observe = pkgutil.resolve_name(function)
    except (ImportError, AttributeError) as error:
        raise PluginError(f"a probe observes by {function}, which is not there: {error}") from None
    return observe(*arguments)


def make_observers(subject: Subject) -> Observers:
    """What is observed of one state: ``observe(state, statistics, batch)``, each compiled."""
    return compiled_observers({what: partial(observe, subject) for what, observe in all_observed().items()})


def compiled_observers(made: Observers) -> dict[Need | str, Wrapped]:
    """Each of them compiled when it is first called."""
    return {what: jax.jit(observe) for what, observe in made.items()}
