"""Batch Normalization as one function with a closed-form gradient, its modes, and its Flax module."""

import math
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from bnjax.nn.checks import check_batch, check_count, check_setting

#: Mean and variance [features].
Statistics = tuple[Array, Array]
_IMAGES_RANK = 4


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def batch_norm(x: Array, scale: Array, bias: Array, epsilon: float) -> tuple[Array, Array, Array]:
    """Normalises by the statistics of the batch (Ioffe and Szegedy 2015, algorithm 1).

    Its gradient is the closed form of that paper's section 3, which XLA runs several times faster than
    what differentiation makes of the formula. The statistics carry no gradient of their own.

    Args:
      x: [batch, ..., features]; every axis but the last is averaged over.
      scale: [features], the gamma of the paper.
      bias: [features], the beta of the paper.
      epsilon: added to the variance before its root.

    Returns:
      The normalised x, and the mean [features] and biased variance [features] of the batch.

    Raises:
      ValueError: x is of whole numbers, or has no batch.
    """
    return _forward(x, scale, bias, epsilon)[0]


def _reduced_axes(x: Array) -> tuple[int, ...]:
    return tuple(range(x.ndim - 1))


def _forward(x: Array, scale: Array, bias: Array, epsilon: float) -> tuple[tuple, tuple]:
    check_batch("batch_norm", x)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = jnp.mean(wide, _reduced_axes(x))
    # Two passes: the difference of E[x^2] and E[x]^2 loses digits where the mean is far from zero.
    var = jnp.mean(jnp.square(wide - mean), _reduced_axes(x))
    inverse_deviation = jax.lax.rsqrt(var + epsilon)
    y = (wide - mean) * (inverse_deviation * scale) + bias
    return (y.astype(x.dtype), mean, var), (x, scale, mean, inverse_deviation)


def _backward(epsilon: float, saved: tuple, cotangents: tuple) -> tuple[Array, Array, Array]:
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
    x: Array, scale: Array, bias: Array, epsilon: float, group: int
) -> tuple[Array, Array, Array]:
    """:func:`batch_norm` of each ``group`` of neighbours by itself (Hoffer et al. 2017, section 4).

    Args:
      group: how many examples share statistics; divides the batch. 0: all of them.

    Returns:
      The normalised x, and mean and variance [features], which are means over the groups: what devices that
      normalise their own part would agree on.

    Raises:
      ValueError: the groups do not fit the batch.
    """
    if group in (0, len(x)):
        return batch_norm(x, scale, bias, epsilon)
    if len(x) % group:
        raise ValueError(f"{len(x)} examples cannot be normalised in groups of {group}")
    groups = x.reshape(-1, group, *x.shape[1:])
    y, mean, var = jax.vmap(lambda part: batch_norm(part, scale, bias, epsilon))(groups)
    return y.reshape(x.shape), mean.mean(0), var.mean(0)


class NormMode(NamedTuple):
    """What a norm does in training; in evaluation it always uses its running statistics.

    Attributes:
      uses_batch: whether it normalises by the statistics of the batch, else by the running ones.
      update: how the running statistics follow those of the batch. ``none``: not at all; ``momentum``: they
        keep a fixed part of themselves; ``debiased``: they are the weighted mean of the batches so far;
        ``pooled``: they are the statistics of all examples of all batches so far.
    """

    uses_batch: bool
    update: str


#: ``frozen`` is a norm that is not trainable in Keras 2, ``inference`` one in TensorFlow 2 and Keras 3.
#: ``keras2-train`` is a trainable one in Keras 2.2.2 to 2.2.5 on TensorFlow: ``zero_debias`` of its moving
#: averages lets the first batch overwrite statistics that were loaded, and its variance is corrected twice.
#: ``pooled`` finds the statistics of given weights (Wu and Johnson 2021, section 3, "PreciseBN").
MODES: dict[str, NormMode] = {
    "train": NormMode(True, "momentum"),
    "frozen": NormMode(True, "none"),
    "inference": NormMode(False, "none"),
    "keras2-train": NormMode(True, "debiased"),
    "pooled": NormMode(True, "pooled"),
}


def norm_mode(name: str) -> NormMode:
    """A mode by its name.

    Raises:
      ValueError: no mode has that name.
    """
    if name not in MODES:
        raise ValueError(f"norm mode {name!r} is not one of {', '.join(MODES)}")
    return MODES[name]


def debiased_statistics(
    old: Statistics, batch: Statistics, momentum: float, count: Array, shape: tuple[int, ...], epsilon: float
) -> Statistics:
    """Running statistics as Keras 2.2 on TensorFlow 1 moves them.

    A mean that starts at 0 and is divided by 1 - momentum^count, so the first batch counts whole. Keras
    corrects the variance by N / (N - 1 - epsilon), and TensorFlow's kernel for images by N / (N - 1) before.

    Args:
      old, batch: mean and variance [features]; those of the batch biased.
      count: batches so far, this one included.
      shape: of what was normalised; N is its size without the features.
    """
    examples = math.prod(shape[:-1])
    mean, var = batch
    var = var * (examples / (examples - 1 - epsilon))
    if len(shape) == _IMAGES_RANK:
        var = var * (examples / max(examples - 1, 1))
    weight = (1 - momentum) / (1 - momentum ** count.astype(mean.dtype))
    return old[0] + weight * (mean - old[0]), old[1] + weight * (var - old[1])


def pooled_statistics(old: Statistics, batch: Statistics, examples: int, seen: Array) -> Statistics:
    """Mean and biased variance of all examples so far (Chan et al. 1979).

    Args:
      old, batch: mean and biased variance [features]; ``old`` counts nothing at the first batch.
      examples: of the batch.
      seen: examples so far, these included.
    """
    weight = examples / seen.astype(batch[0].dtype)
    apart = batch[0] - old[0]
    var = old[1] + weight * (batch[1] - old[1]) + weight * (1 - weight) * jnp.square(apart)
    return old[0] + weight * apart, var


class SingleValueError(ValueError):
    """A norm would train on one value per channel: its output is its bias and its gradient 0."""


class BatchNorm(nn.Module):
    """Batch Normalization over every axis but the last, with its running statistics in ``batch_stats``.

    Attributes:
      momentum: what the running mean and the (biased) running variance keep of themselves in a training
        step; 0.99 keeps 99%, as in Keras and Flax. PyTorch's number is 1 minus this one.
      epsilon: added to the variance before its root; 1e-3 in TensorFlow 1 and Keras.
      param_dtype: of scale, bias and statistics.
      use_scale: whether a scale is learnt; without it, it is 1.
      mode: what it does in training, a name in :data:`MODES`. Whether scale and bias are trained is not its
        matter, see :class:`bnjax.settings.freezing.Freezing`.
      group: how many examples share statistics in training; 0 for the whole batch. The running variance
        follows the biased one: of groups of 2 single values it comes to half of the true one.
      takes_single: whether it trains on one value per channel, where nothing is left to normalise. A norm
        that gates may switch off has to.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3
    param_dtype: DTypeLike = jnp.float32
    use_scale: bool = True
    mode: str = "train"
    group: int = 0
    takes_single: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_setting("BatchNorm", "momentum", self.momentum, "norm_momentum")
        check_setting("BatchNorm", "epsilon", self.epsilon, "norm_epsilon")
        check_count("BatchNorm", "group", self.group, least=0)
        if norm_mode(self.mode).update == "debiased" and self.momentum == 1:
            raise ValueError(f"BatchNorm: momentum=1.0 leaves mode={self.mode!r} nothing to divide by")

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """X [batch, ..., features] -> the same shape; when not training by running statistics.

        Raises:
          ValueError: x is of whole numbers, or has no batch.
          SingleValueError: it would train on one value per channel.
        """
        check_batch("BatchNorm", x)
        mode, features = norm_mode(self.mode), (x.shape[-1],)
        scale = jnp.ones(features, self.param_dtype)
        if self.use_scale:
            scale = self.param("scale", nn.initializers.ones, features, self.param_dtype)
        bias = self.param("bias", nn.initializers.zeros, features, self.param_dtype)
        mean = self.variable("batch_stats", "mean", jnp.zeros, features, self.param_dtype)
        var = self.variable("batch_stats", "var", jnp.ones, features, self.param_dtype)
        counted = mode.update in ("debiased", "pooled")
        count = self.variable("batch_stats", "count", jnp.zeros, (), jnp.int32) if counted else None
        if not (train and mode.uses_batch):
            factor = jax.lax.rsqrt(var.value + self.epsilon) * scale
            return ((x - mean.value) * factor + bias).astype(x.dtype)
        if not self.is_initializing():
            self._check_values(x.shape)
        y, *batch = ghost_batch_norm(x, scale, bias, self.epsilon, self.group)
        if mode.update != "none" and not self.is_initializing():
            if count is not None:
                count.value += len(x) if mode.update == "pooled" else 1
            counted_so_far = None if count is None else count.value
            old, new = (mean.value, var.value), (batch[0], batch[1])
            mean.value, var.value = self._updated(mode, old, new, counted_so_far, x)
        return y

    def _check_values(self, shape: tuple[int, ...]) -> None:
        values = math.prod([self.group or shape[0], *shape[1:-1]])
        if values < 2 and not self.takes_single:
            groups = f" in groups of {self.group}" if self.group else ""
            raise SingleValueError(
                f"{'/'.join(self.path) or 'BatchNorm'}: training needs more than 1 value per channel, and an "
                f"input of shape {shape}{groups} has 1"
            )

    def _updated(
        self, mode: NormMode, old: Statistics, batch: Statistics, count: Array | None, x: Array
    ) -> Statistics:
        if count is None:
            return (
                self.momentum * old[0] + (1 - self.momentum) * batch[0],
                self.momentum * old[1] + (1 - self.momentum) * batch[1],
            )
        if mode.update == "pooled":
            return pooled_statistics(old, batch, len(x), count)
        return debiased_statistics(old, batch, self.momentum, count, x.shape, self.epsilon)
