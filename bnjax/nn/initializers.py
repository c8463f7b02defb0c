"""Initial kernels by their names in flags."""

from collections.abc import Callable

import flax.linen as nn
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, Key


def kernel_initializer(name: str, deviation: float) -> Callable:
    """The initialiser of kernels by its name in flags.

    Args:
      deviation: standard deviation of ``gaussian``; the others take theirs from the kernel's shape.

    Raises:
      ValueError: no initialiser has that name.
    """
    known = {
        "glorot_uniform": nn.initializers.glorot_uniform(),
        "he_normal": nn.initializers.he_normal(),
        "lecun_normal": nn.initializers.lecun_normal(),
        "gaussian": nn.initializers.normal(deviation),
    }
    if name not in known:
        raise ValueError(f"kernel_init {name!r} is not one of {', '.join(known)}")
    return known[name]


def depthwise_initializer(initializer: Callable) -> Callable:
    """The same initialiser for kernels [height, width, 1, channels], scaled as Keras scales them.

    Keras takes the channels for inputs of every kernel: its fan-in is height x width x channels, where Flax
    counts height x width. ``glorot_uniform`` is the same by either count, ``he_normal`` is sqrt(channels)
    times narrower in Keras.
    """

    def draw(
        key: Key[Array, ""], shape: tuple[int, ...], dtype: DTypeLike
    ) -> Float[Array, "height width 1 channels"]:
        height, width, _, channels = shape
        return initializer(key, (height, width, channels, 1), dtype).reshape(shape)

    return draw
