"""Batch Normalization as one function with a closed-form gradient, of a whole batch or of ghost groups."""

from collections.abc import Callable, Hashable
from functools import partial

import jax
import jax.numpy as jnp

from bnjax.nn.checks import check_batch
from bnjax.nn.shapes import Features, PerFeature

#: The normalised x, and the mean and variance of its examples.
Normalised = tuple[Features, PerFeature, PerFeature]
Normalise = Callable[[Features], Normalised]


#: A name, or several, of axes over which devices share a batch.
AxisName = Hashable | None


@partial(jax.custom_jvp, nondiff_argnums=(3, 4))
def batch_norm(
    x: Features, scale: PerFeature, bias: PerFeature, epsilon: float, axis_name: AxisName = None
) -> Normalised:
    """Normalises by the statistics of the batch (Ioffe and Szegedy 2015, algorithm 1).

    Its gradient is the closed form of that paper's section 3, which XLA runs several times faster than
    what differentiation makes of the formula. The statistics carry no gradient of their own.

    Args:
      x: every axis but the last is averaged over.
      scale: the gamma of the paper.
      bias: the beta of the paper.
      epsilon: added to the variance before its root.
      axis_name: of ``shard_map``, ``vmap`` or ``pmap``: over it the batch is in equal parts, and statistics
        are those of all of them.

    Returns:
      The normalised x, and the mean and biased variance of the batch.

    Raises:
      ValueError: x is of whole numbers, or has no batch.
    """
    return _forward(x, scale, bias, epsilon, axis_name)[0]


def _total(x: Features, axis_name: AxisName) -> PerFeature:
    """The sum of each feature, over all devices."""
    of_part = jnp.sum(x, tuple(range(x.ndim - 1)))
    return of_part if axis_name is None else jax.lax.psum(of_part, axis_name)


def _mean(x: Features, axis_name: AxisName) -> PerFeature:
    of_part = jnp.mean(x, tuple(range(x.ndim - 1)))
    return of_part if axis_name is None else jax.lax.pmean(of_part, axis_name)


def parts_of_batch(axis_name: AxisName) -> int:
    """Over how many devices a batch is shared."""
    return 1 if axis_name is None else int(jax.lax.psum(1, axis_name))


def _forward(
    x: Features, scale: PerFeature, bias: PerFeature, epsilon: float, axis_name: AxisName
) -> tuple[Normalised, Features, PerFeature]:
    """What comes out, x without its mean, and one by its deviation."""
    check_batch("batch_norm", x)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = _mean(wide, axis_name)
    centred = wide - mean
    # Two passes: the difference of E[x^2] and E[x]^2 loses digits where the mean is far from zero.
    var = _mean(jnp.square(centred), axis_name)
    inverse_deviation = jax.lax.rsqrt(var + epsilon)
    y = centred * (inverse_deviation * scale) + bias
    statistics = jax.lax.stop_gradient((mean, var))
    return (y.astype(x.dtype), *statistics), centred, inverse_deviation


@batch_norm.defjvp
def _tangents(epsilon: float, axis_name: AxisName, primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    """Forward mode. JAX makes the gradient of it, by reading its lines backwards.

    They are such that this is the closed form: all that is constant in a channel is worked out first, and
    two products and two sums an element are left.
    """
    x, scale, bias = primals
    found, centred, inverse_deviation = _forward(x, scale, bias, epsilon, axis_name)
    dx, dscale, dbias = tangents
    # A variable of its own: its gradient is whole before that of a shortcut around the norm is added to it.
    dx = 1 * dx.astype(centred.dtype)
    factor = inverse_deviation * scale
    count = x.size // x.shape[-1] * parts_of_batch(axis_name)
    shift = dbias + factor * (_total(-dx, axis_name) / count)
    along = _total(centred * -dx, axis_name) / count
    slope = inverse_deviation * (dscale + factor * inverse_deviation * along)
    dy = factor * dx + centred * slope + shift
    return found, (dy.astype(x.dtype), *map(jnp.zeros_like, found[1:]))


def ghost_batch_norm(
    x: Features,
    scale: PerFeature,
    bias: PerFeature,
    epsilon: float,
    group: int,
    axis_name: AxisName = None,
) -> Normalised:
    """:func:`batch_norm` of each ``group`` of neighbours by itself (Hoffer et al. 2017, section 4).

    Args:
      group: how many examples share statistics; divides the batch. 0: all of them.
      axis_name: see :func:`batch_norm`; groups of neighbours lie on one device, and go without it.

    Returns:
      The normalised x, and mean and variance, which are means over the groups: what devices that
      normalise their own part would agree on.

    Raises:
      ValueError: the groups do not fit the batch.
    """
    return in_groups(lambda part: batch_norm(part, scale, bias, epsilon, axis_name), x, group)


def in_groups(normalise: Normalise, x: Features, group: int) -> Normalised:
    """What a norm of batches makes of each ``group`` of neighbours, see :func:`ghost_batch_norm`."""
    if group in (0, len(x)):
        return normalise(x)
    if len(x) % group:
        raise ValueError(f"{len(x)} examples cannot be normalised in groups of {group}")
    groups = x.reshape(-1, group, *x.shape[1:])
    y, mean, var = jax.vmap(normalise)(groups)
    return y.reshape(x.shape), mean.mean(0), var.mean(0)
