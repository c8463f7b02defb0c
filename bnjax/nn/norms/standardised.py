"""What norms of single examples share: minus a mean, by a deviation, with a closed-form gradient."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from bnjax.nn.shapes import Features, PerFeature

#: Of an example's positions, which are 1 each.
_Means = Float[Array, "batch *ones features"]


@partial(jax.custom_vjp, nondiff_argnums=(3, 4, 5))
def standardised(
    x: Features, scale: PerFeature, bias: PerFeature, groups: int, epsilon: float, centred: bool = True
) -> Features:
    """Scale and bias of x without the means of its groups of features, divided by their deviations.

    Args:
      x: in the dtype to compute in; each example is treated by itself.
      groups: how many groups of neighbouring features have statistics of their own, over all positions.
      epsilon: added to the variance before its root.
      centred: without it no mean is subtracted, and the deviation is the root of the mean square.
    """
    return _forward(x, scale, bias, groups, epsilon, centred)[0]


def _over_positions(x: Features) -> _Means:
    """The mean of each feature of each example [batch, 1, ..., features]."""
    return jnp.mean(x, tuple(range(1, x.ndim - 1)), keepdims=True)


def _over_groups(features: _Means, groups: int) -> _Means:
    """The same shape with the mean of its group in the place of each feature."""
    cut = features.reshape(*features.shape[:-1], groups, -1)
    return jnp.broadcast_to(jnp.mean(cut, -1, keepdims=True), cut.shape).reshape(features.shape)


def _forward(
    x: Features, scale: PerFeature, bias: PerFeature, groups: int, epsilon: float, centred: bool
) -> tuple[Features, tuple[Array, ...]]:
    # Positions first: x is never cut into groups, whose few features would be slow to run over. And in two
    # passes, as in batch_norm: one pass loses digits where the mean is far from zero.
    mean = _over_groups(_over_positions(x), groups) if centred else jnp.zeros((), x.dtype)
    var = _over_groups(_over_positions(jnp.square(x - mean)), groups)
    inverse_deviation = jax.lax.rsqrt(var + epsilon)
    y = (x - mean) * (inverse_deviation * scale) + bias
    return y, (x, scale, bias, mean, inverse_deviation)


def _backward(
    groups: int, epsilon: float, centred: bool, saved: tuple[Array, ...], dy: Features
) -> tuple[Features, PerFeature, PerFeature]:
    x, scale, bias, mean, inverse_deviation = saved
    # Two sums over positions; all else is as small as they are, but for the last line.
    plain, along = _over_positions(dy), _over_positions(dy * (x - mean)) * inverse_deviation
    positions, others = x[0].size // x.shape[-1], tuple(range(x.ndim - 1))
    dscale, dbias = (positions * jnp.sum(sums, others) for sums in (along, plain))
    factor = inverse_deviation * _over_groups(along * scale, groups)
    shift = _over_groups(plain * scale, groups) if centred else 0.0
    dx = inverse_deviation * (dy * scale - shift - factor * (x - mean))
    return dx, dscale.astype(scale.dtype), dbias.astype(bias.dtype)


standardised.defvjp(_forward, _backward)
