"""Batch Normalization as one function with a closed-form gradient, of a whole batch or of ghost groups."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from bnjax.nn.checks import check_batch
from bnjax.nn.shapes import Features, PerFeature

#: The normalised x, and the mean and variance of its examples.
Normalised = tuple[Features, PerFeature, PerFeature]
Normalise = Callable[[Features], Normalised]


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def batch_norm(x: Features, scale: PerFeature, bias: PerFeature, epsilon: float) -> Normalised:
    """Normalises by the statistics of the batch (Ioffe and Szegedy 2015, algorithm 1).

    Its gradient is the closed form of that paper's section 3, which XLA runs several times faster than
    what differentiation makes of the formula. The statistics carry no gradient of their own.

    Args:
      x: every axis but the last is averaged over.
      scale: the gamma of the paper.
      bias: the beta of the paper.
      epsilon: added to the variance before its root.

    Returns:
      The normalised x, and the mean and biased variance of the batch.

    Raises:
      ValueError: x is of whole numbers, or has no batch.
    """
    return _forward(x, scale, bias, epsilon)[0]


def _reduced_axes(x: Features) -> tuple[int, ...]:
    return tuple(range(x.ndim - 1))


def _forward(x: Features, scale: PerFeature, bias: PerFeature, epsilon: float) -> tuple[Normalised, tuple]:
    check_batch("batch_norm", x)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = jnp.mean(wide, _reduced_axes(x))
    # Two passes: the difference of E[x^2] and E[x]^2 loses digits where the mean is far from zero.
    var = jnp.mean(jnp.square(wide - mean), _reduced_axes(x))
    inverse_deviation = jax.lax.rsqrt(var + epsilon)
    y = (wide - mean) * (inverse_deviation * scale) + bias
    return (y.astype(x.dtype), mean, var), (x, scale, mean, inverse_deviation)


def _backward(epsilon: float, saved: tuple, cotangents: tuple) -> Normalised:
    x, scale, mean, inverse_deviation = saved
    dy = cotangents[0].astype(mean.dtype)
    centred = x.astype(mean.dtype) - mean
    dbias = jnp.sum(dy, _reduced_axes(x))
    dscale = jnp.sum(dy * centred, _reduced_axes(x)) * inverse_deviation
    count = x.size // x.shape[-1]
    # All that is constant in a channel is worked out first: two products and two sums an element are left.
    factor = inverse_deviation * scale
    dx = factor * dy - (factor * inverse_deviation * dscale / count) * centred - factor * dbias / count
    return dx.astype(x.dtype), dscale.astype(scale.dtype), dbias.astype(scale.dtype)


batch_norm.defvjp(_forward, _backward)


def ghost_batch_norm(
    x: Features, scale: PerFeature, bias: PerFeature, epsilon: float, group: int
) -> Normalised:
    """:func:`batch_norm` of each ``group`` of neighbours by itself (Hoffer et al. 2017, section 4).

    Args:
      group: how many examples share statistics; divides the batch. 0: all of them.

    Returns:
      The normalised x, and mean and variance, which are means over the groups: what devices that
      normalise their own part would agree on.

    Raises:
      ValueError: the groups do not fit the batch.
    """
    return in_groups(lambda part: batch_norm(part, scale, bias, epsilon), x, group)


def in_groups(normalise: Normalise, x: Features, group: int) -> Normalised:
    """What a norm of batches makes of each ``group`` of neighbours, see :func:`ghost_batch_norm`."""
    if group in (0, len(x)):
        return normalise(x)
    if len(x) % group:
        raise ValueError(f"{len(x)} examples cannot be normalised in groups of {group}")
    groups = x.reshape(-1, group, *x.shape[1:])
    y, mean, var = jax.vmap(normalise)(groups)
    return y.reshape(x.shape), mean.mean(0), var.mean(0)
