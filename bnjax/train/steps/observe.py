"""What probes ask of a device: functions of a state and a batch that change neither.

Each is ``observe(state, statistics, batch)`` -> site -> numbers, with fresh statistics in the form of the
state's ``batch_stats``; compiled when a run first asks for it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jax.stages import Wrapped

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.probes import Need
from bnjax.train.partition import join, split
from bnjax.train.state import TrainState
from bnjax.train.steps.step import batch_sums, scale_images

Observer = Callable[[TrainState, Any, Batch], Mapping[str, Any]]


def gradient_norms(
    model: Network, scaling: InputScaling | None, gates: Any = None, label_smoothing: float = 0.0
) -> Observer:
    """Site -> the L2 norm of the training loss's gradient by its kernel, of the trained ones."""
    fixed = {} if gates is None else {"gates": gates}

    def observe(state: TrainState, statistics: Any, batch: Batch) -> dict[str, Array]:
        images = scale_images(batch.images, scaling, model.compute_dtype or model.param_dtype)
        trained, frozen = split(state.params, model)

        def mean_loss(trained: Any) -> Array:
            variables = {"params": join(trained, frozen), "batch_stats": state.batch_stats, **fixed}
            rngs = {"dropout": jax.random.fold_in(state.key, state.step)}
            logits, _ = model.apply(variables, images, train=True, mutable=["batch_stats"], rngs=rngs)
            sums = batch_sums(logits, batch, label_smoothing)
            return sums.loss / sums.images

        gradients = jax.grad(mean_loss)(trained)
        kernels = {site.name: gradients.get(unit_name(site.name), {}).get("kernel") for site in model.sites}
        return {
            site: jnp.linalg.norm(kernel.ravel()) for site, kernel in kernels.items() if kernel is not None
        }

    return observe


def evaluation_moments(
    model: Network, scaling: InputScaling | None, gates: Any = None, label_smoothing: float = 0.0
) -> Observer:
    """Site -> mean and variance [features] of its norm's input in evaluation mode by fresh statistics.

    All norms have fresh statistics there, and dropout lets everything through.
    """
    fixed = {} if gates is None else {"gates": gates}

    def observe(state: TrainState, statistics: Any, batch: Batch) -> dict[str, tuple[Array, Array]]:
        images = scale_images(batch.images, scaling, model.compute_dtype or model.param_dtype)
        moments = {}

        def keep(call: Callable[..., Any], arguments: Any, named: Any, context: Any) -> Any:
            if context.module.name == "norm" and context.method_name == "__call__":
                x = arguments[0].astype(jnp.promote_types(arguments[0].dtype, jnp.float32))
                moments[context.module.path[0]] = _moments(x)
            return call(*arguments, **named)

        with nn.intercept_methods(keep):
            model.apply({"params": state.params, "batch_stats": statistics, **fixed}, images, train=False)
        units = {site.name: unit_name(site.name) for site in model.sites}
        return {site: moments[unit] for site, unit in units.items() if unit in moments}

    return observe


def _moments(x: Array) -> tuple[Array, Array]:
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)


#: What is observed for a need of a probe.
OBSERVED: dict[Need, Callable[..., Observer]] = {
    Need.GRADIENTS: gradient_norms,
    Need.EVALUATION: evaluation_moments,
}
Observers = Mapping[Need, Callable[..., Any]]


def make_observers(model: Network, scaling: InputScaling | None, label_smoothing: float) -> Observers:
    """What is observed of one state, each compiled."""
    return compiled_observers(
        {need: make(model, scaling, None, label_smoothing) for need, make in OBSERVED.items()}
    )


def compiled_observers(made: Mapping[Need, Callable[..., Any]]) -> dict[Need, Wrapped]:
    """Each of them compiled when it is first called."""
    return {need: jax.jit(observe) for need, observe in made.items()}
