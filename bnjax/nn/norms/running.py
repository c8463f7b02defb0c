"""Running statistics of norms: what training uses and updates, by mode."""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Int

from bnjax.nn.shapes import PerFeature

#: Mean and variance.
Statistics = tuple[PerFeature, PerFeature]
_IMAGES_RANK = 4


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
    old: Statistics,
    batch: Statistics,
    momentum: float,
    count: Int[Array, ""],
    shape: tuple[int, ...],
    epsilon: float,
) -> Statistics:
    """Running statistics as Keras 2.2 on TensorFlow 1 moves them.

    A mean that starts at 0 and is divided by 1 - momentum^count, so the first batch counts whole. Keras
    corrects the variance by N / (N - 1 - epsilon), and TensorFlow's kernel for images by N / (N - 1) before.

    Args:
      old, batch: mean and variance; those of the batch biased.
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


def pooled_statistics(old: Statistics, batch: Statistics, examples: int, seen: Int[Array, ""]) -> Statistics:
    """Mean and biased variance of all examples so far (Chan et al. 1979).

    Args:
      old, batch: mean and biased variance; ``old`` counts nothing at the first batch.
      examples: of the batch.
      seen: examples so far, these included.
    """
    weight = examples / seen.astype(batch[0].dtype)
    apart = batch[0] - old[0]
    var = old[1] + weight * (batch[1] - old[1]) + weight * (1 - weight) * jnp.square(apart)
    return old[0] + weight * apart, var
