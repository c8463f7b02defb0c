"""Dropout whose rate may be traced, so that one program serves every rate."""

import flax.linen as nn
import jax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float

from bnjax.nn.checks import check_setting


class Dropout(nn.Module):
    """Zeroes elements with probability ``rate`` and scales the others by 1 / (1 - rate).

    Draws what :class:`flax.linen.Dropout` of the same name in the same place draws (Srivastava et al. 2014).

    Attributes:
      rate: below 1; a Python 0.0 costs nothing, a traced one costs the drawing.
    """

    rate: ArrayLike

    def __post_init__(self) -> None:
        super().__post_init__()
        check_setting("Dropout", "rate", self.rate, "dropout")

    @nn.compact
    def __call__(self, x: Float[Array, "*shape"], train: bool) -> Float[Array, "*shape"]:
        """Without effect unless in training."""
        if not train or (isinstance(self.rate, float) and self.rate == 0):
            return x
        kept = 1 - self.rate
        mask = jax.random.bernoulli(self.make_rng("dropout"), kept, x.shape)
        return jax.lax.select(mask, (x / kept).astype(x.dtype), jax.numpy.zeros_like(x))
