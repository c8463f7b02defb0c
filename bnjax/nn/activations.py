"""Activations by their names in flags."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from bnjax.settings.parts.network import ACTIVATIONS

#: The slope below zero that a PReLU starts with (He et al. 2015, section 2.1).
PRELU_SLOPE = 0.25
_WITHOUT_SLOPE: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "elu": jax.nn.elu,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}


def activate(
    x: Float[Array, "*batch features"], activation: str, negative_slope: ArrayLike
) -> Float[Array, "*batch features"]:
    """An activation by name; those with a kink have their left derivative there, as in TensorFlow.

    Args:
      negative_slope: of ``leaky_relu`` and ``prelu`` below zero; for the latter [features]. Of
        ``thresholded``, max(x, t), it is the threshold t [features] (Singh and Krishnan 2020, section 3.2).

    Raises:
      ValueError: no activation has that name.
    """
    if activation in ("leaky_relu", "prelu"):
        return jnp.where(x > 0, x, negative_slope * x)
    if activation == "thresholded":
        return jnp.where(x > negative_slope, x, negative_slope)
    if activation not in _WITHOUT_SLOPE:
        raise ValueError(f"activation {activation!r} is not one of {', '.join(ACTIVATIONS)}")
    return _WITHOUT_SLOPE[activation](x)


def above_kink(
    x: Float[Array, "*batch features"], activation: str, negative_slope: ArrayLike
) -> Float[Array, "*batch features"]:
    """What is above 0 where a unit is active: the activation's input, of ``thresholded`` over its threshold.

    That one is relu(x - t) + t, so it is the input of its rectifier.
    """
    return x - negative_slope if activation == "thresholded" else x
