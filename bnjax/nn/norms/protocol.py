"""The protocol of norms: one settings value, a scale and a bias for each feature, and one call."""

import flax.linen as nn
import jax.numpy as jnp
from jax.typing import DTypeLike

from bnjax.nn.checks import check_batch, check_count, check_settings
from bnjax.nn.shapes import Features, PerFeature
from bnjax.settings.units import NormSettings


class NormShapeError(ValueError):
    """A norm cannot do anything with its input's shape; the message ends with what it needs."""


class SingleValueError(NormShapeError):
    """A norm would divide single values by themselves: its output is its bias and its gradient 0."""


class NormLayer(nn.Module):
    """What stands at a site; each norm is a subclass in a file of its own.

    Attributes:
      settings: see :class:`bnjax.settings.units.NormSettings`.
      param_dtype: of scale, bias and statistics.
      gated: gates may switch it off, so it has to take shapes that it would refuse.
    """

    settings: NormSettings = NormSettings()
    param_dtype: DTypeLike = jnp.float32
    gated: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(type(self).__name__, self.settings)
        check_count(type(self).__name__, "norm_group", self.settings.norm_group, least=0)

    @property
    def place(self) -> str:
        """Where it stands, for complaints."""
        return "/".join(self.path) or type(self).__name__

    def __call__(self, x: Features, train: bool) -> Features:
        """X, normalised."""
        raise NotImplementedError

    @nn.nowrap  # Flax tabulates what methods take and give
    def scale_of(self, x: Features) -> PerFeature:
        """The scale of each feature, learnt unless the settings say otherwise; else 1."""
        if not self.settings.norm_scale:
            return jnp.ones(x.shape[-1:], self.param_dtype)
        return self.param("scale", nn.initializers.ones, x.shape[-1:], self.param_dtype)

    @nn.nowrap
    def bias_of(self, x: Features) -> PerFeature:
        """The learnt bias of each feature."""
        return self.param("bias", nn.initializers.zeros, x.shape[-1:], self.param_dtype)


class ExampleNorm(NormLayer):
    """A norm that treats each example by itself, alike in training and evaluation, without statistics kept.

    A subclass says what :meth:`normalised` is; scale and bias follow.
    """

    @nn.compact
    def __call__(self, x: Features, train: bool) -> Features:
        """X, normalised; computed in float32 or wider.

        Raises:
          ValueError: x is of whole numbers, or has no batch.
          NormShapeError: its shape leaves nothing to normalise.
        """
        check_batch(type(self).__name__, x)
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        return self.with_affine(wide, self.scale_of(x), self.bias_of(x)).astype(x.dtype)

    @nn.nowrap
    def normalised(self, x: Features) -> Features:
        """X, normalised, before scale and bias."""
        raise NotImplementedError

    @nn.nowrap
    def with_affine(self, x: Features, scale: PerFeature, bias: PerFeature) -> Features:
        """The same times the scale, plus the bias; a subclass may do both at once."""
        return self.normalised(x) * scale + bias

    @nn.nowrap
    def check_values(self, values: int, needs: str) -> None:
        """Refuses statistics of a single value, unless gates may switch the norm off.

        Raises:
          SingleValueError: says what the norm needs.
        """
        if values < 2 and not self.gated:
            raise SingleValueError(
                f"{self.place}: each statistic is of 1 value, so nothing of the input is left; {needs}"
            )
