"""Weight Standardization (Qiao et al. 2019): kernels without their features' means, by their deviations."""

import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

#: Added to the variance, which the paper leaves open; that of Kolesnikov et al. 2020 (Big Transfer).
EPSILON = 1e-10


class SingleWeightError(ValueError):
    """A feature has one input, whose weight standardisation would leave nothing of."""


def standardised_kernel(
    kernel: Float[Array, "*inputs features"], place: str
) -> Float[Array, "*inputs features"]:
    """The same with mean 0 and variance 1 over the inputs of each feature.

    Args:
      place: what a message begins with.

    Raises:
      SingleWeightError: each feature has one input, whose weight nothing would be left of.
    """
    if kernel.size == kernel.shape[-1]:
        raise SingleWeightError(
            f"{place}: weight_standardisation leaves nothing of 1 weight for each feature"
        )
    inputs = tuple(range(kernel.ndim - 1))
    centred = kernel - kernel.mean(inputs)
    return centred * lax.rsqrt(jnp.square(centred).mean(inputs) + EPSILON)
