"""What norms of single examples share: minus a mean, by a deviation, with a closed-form gradient."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def standardised(x: Array, axes: tuple[int, ...], epsilon: float, centred: bool = True) -> Array:
    """X without its mean over ``axes``, divided by its deviation there.

    Args:
      x: of any shape, in the dtype to compute in.
      axes: what a statistic is of.
      epsilon: added to the variance before its root.
      centred: without it no mean is subtracted, and the deviation is the root of the mean square.

    Returns:
      An array of the shape of x.
    """
    return _forward(x, axes, epsilon, centred)[0]


def _forward(x: Array, axes: tuple[int, ...], epsilon: float, centred: bool) -> tuple[Array, tuple]:
    # Two passes, as in batch_norm: one pass loses digits where the mean is far from zero.
    apart = x - jnp.mean(x, axes, keepdims=True) if centred else x
    inverse_deviation = jax.lax.rsqrt(jnp.mean(jnp.square(apart), axes, keepdims=True) + epsilon)
    y = apart * inverse_deviation
    return y, (y, inverse_deviation)


def _backward(axes: tuple[int, ...], epsilon: float, centred: bool, saved: tuple, dy: Array) -> tuple[Array]:
    y, inverse_deviation = saved
    along = jnp.mean(dy * y, axes, keepdims=True)
    shift = jnp.mean(dy, axes, keepdims=True) if centred else 0.0
    return (inverse_deviation * (dy - shift - y * along),)


standardised.defvjp(_forward, _backward)
