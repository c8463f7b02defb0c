"""Batch Normalization (Ioffe and Szegedy 2015) with its modes, over the batch or ghost groups of it."""

import math
from collections.abc import Hashable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Int

from bnjax.nn.checks import check_batch
from bnjax.nn.norms.batch_function import Normalised, ghost_batch_norm, parts_of_batch
from bnjax.nn.norms.protocol import NormLayer, SingleValueError
from bnjax.nn.norms.running import NormMode, Statistics, debiased_statistics, norm_mode, pooled_statistics
from bnjax.nn.shapes import Features, PerFeature


class BatchNorm(NormLayer):
    """Batch Normalization over every axis but the last, with its running statistics in ``batch_stats``.

    A norm that gates may switch off trains on one value per channel too, where nothing is left to normalise.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if norm_mode(self.settings.mode).update == "debiased" and self.settings.norm_momentum == 1:
            raise ValueError(
                f"BatchNorm: norm_momentum=1.0 leaves mode={self.settings.mode!r} nothing to divide by"
            )
        if self.settings.norm_group and self.settings.axis_name is not None:
            raise ValueError(
                f"{type(self).__name__}: norm_group={self.settings.norm_group} beside "
                f"axis_name={self.settings.axis_name!r}; groups lie on one device, so give one of the two"
            )

    @nn.compact
    def __call__(self, x: Features, train: bool) -> Features:
        """X, normalised; when not training by running statistics.

        Raises:
          ValueError: x is of whole numbers, or has no batch.
          SingleValueError: it would train on one value per channel.
        """
        check_batch("BatchNorm", x)
        mode, epsilon, features = norm_mode(self.settings.mode), self.settings.norm_epsilon, x.shape[-1:]
        scale, bias = self.scale_of(x), self.bias_of(x)
        mean = self.variable("batch_stats", "mean", jnp.zeros, features, self.param_dtype)
        var = self.variable("batch_stats", "var", jnp.ones, features, self.param_dtype)
        counted = self.counts_steps or mode.update in ("debiased", "pooled")
        count = self.variable("batch_stats", "count", jnp.zeros, (), jnp.int32) if counted else None
        if not (train and mode.uses_batch):
            factor = jax.lax.rsqrt(var.value + epsilon) * scale
            return ((x - mean.value) * factor + bias).astype(x.dtype)
        whole = (len(x) * parts_of_batch(self.axis_name), *x.shape[1:])
        if not self.is_initializing():
            self._check_values(whole)
        old = (mean.value, var.value)
        y, *batch = self.by_batch(x, scale, bias, old, None if count is None else count.value)
        if mode.update != "none" and not self.is_initializing():
            if count is not None:
                count.value += whole[0] if mode.update == "pooled" else 1
            counted_so_far = None if count is None else count.value
            mean.value, var.value = self._updated(mode, old, (batch[0], batch[1]), counted_so_far, whole)
        return y

    @property
    def counts_steps(self) -> bool:
        """Whether it has to know how many batches it has seen, whatever its mode."""
        return False

    def by_batch(
        self,
        x: Features,
        scale: PerFeature,
        bias: PerFeature,
        running: Statistics,
        count: Int[Array, ""] | None,
    ) -> Normalised:
        """What training makes of x, and mean and variance of the batch.

        Args:
          running: statistics before the step.
          count: of batches before it (of examples where statistics are pooled); None where not counted.
        """
        settings = self.settings
        return ghost_batch_norm(x, scale, bias, settings.norm_epsilon, settings.norm_group, self.axis_name)

    @property
    def axis_name(self) -> Hashable | None:
        """That of the settings; first values are made without other devices."""
        return None if self.is_initializing() else self.settings.axis_name

    def _check_values(self, shape: tuple[int, ...]) -> None:
        values = math.prod([self.settings.norm_group or shape[0], *shape[1:-1]])
        if values < 2 and not self.gated:
            groups = f" in groups of {self.settings.norm_group}" if self.settings.norm_group else ""
            raise SingleValueError(
                f"{self.place}: training needs more than 1 value per channel, and an "
                f"input of shape {shape}{groups} has 1"
            )

    def _updated(
        self,
        mode: NormMode,
        old: Statistics,
        batch: Statistics,
        count: Int[Array, ""] | None,
        shape: tuple[int, ...],
    ) -> Statistics:
        momentum = self.settings.norm_momentum
        if mode.update == "momentum" or count is None:
            return (
                momentum * old[0] + (1 - momentum) * batch[0],
                momentum * old[1] + (1 - momentum) * batch[1],
            )
        if mode.update == "pooled":
            return pooled_statistics(old, batch, shape[0], count)
        return debiased_statistics(old, batch, momentum, count, shape, self.settings.norm_epsilon)
