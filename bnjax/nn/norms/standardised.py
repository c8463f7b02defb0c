"""What norms of single examples share: minus a mean, by a deviation, with a closed-form gradient."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from bnjax.nn.shapes import Features, PerFeature

#: Of an example's positions, which are 1 each.
_Means = Float[Array, "batch *ones features"]


@partial(jax.custom_jvp, nondiff_argnums=(3, 4, 5))
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
    """The sum of each feature of each example [batch, 1, ..., features]."""
    return jnp.sum(x, tuple(range(1, x.ndim - 1)), keepdims=True)


def _over_groups(features: _Means, groups: int) -> _Means:
    """The same shape with the mean of its group in the place of each feature."""
    cut = features.reshape(*features.shape[:-1], groups, -1)
    return jnp.broadcast_to(jnp.mean(cut, -1, keepdims=True), cut.shape).reshape(features.shape)


def _positions(x: Features) -> int:
    return x[0].size // x.shape[-1]


def _forward(
    x: Features, scale: PerFeature, bias: PerFeature, groups: int, epsilon: float, centred: bool
) -> tuple[Features, Features, _Means]:
    """What comes out, x without the mean, and one by the deviation."""
    # Positions first: x is never cut into groups, whose few features would be slow to run over. And in two
    # passes, as in batch_norm: one pass loses digits where the mean is far from zero.
    apart = x - _over_groups(_over_positions(x) / _positions(x), groups) if centred else x
    var = _over_groups(_over_positions(jnp.square(apart)) / _positions(x), groups)
    inverse_deviation = jax.lax.rsqrt(var + epsilon)
    return apart * (inverse_deviation * scale) + bias, apart, inverse_deviation


@standardised.defjvp
def _tangents(
    groups: int, epsilon: float, centred: bool, primals: tuple, tangents: tuple
) -> tuple[Features, Features]:
    """Forward mode. JAX makes the gradient of it, by reading its lines backwards.

    They are such that this is the closed form: two sums over positions; all else but the last line is as
    small as they are.
    """
    x, scale, bias = primals
    y, apart, inverse_deviation = _forward(x, scale, bias, groups, epsilon, centred)
    dx, dscale, dbias = tangents
    positions, deviations = _positions(x), inverse_deviation * dx
    along = inverse_deviation * _over_positions(apart * -deviations)
    slope = inverse_deviation * (positions * dscale + scale * _over_groups(along, groups)) / positions
    shift = jnp.broadcast_to(positions * dbias, along.shape)
    if centred:
        shift = shift + scale * _over_groups(_over_positions(-deviations), groups)
    dy = scale * deviations + shift / positions + apart * slope
    return y, dy
