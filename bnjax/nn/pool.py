"""Pooling in the form that every platform runs well."""

import functools
import itertools

import jax.numpy as jnp
from jax import Array


def max_pool(x: Array, window: int = 2) -> Array:
    """The maximum of each window x window square, side by side; rows and columns left over are dropped.

    Built from strided slices: on CPU its gradient is about 20 times faster than that of
    ``lax.reduce_window``. As there, and in TensorFlow and PyTorch, the gradient goes to the first of
    equal maxima in row-major order.

    Args:
      x: [batch, height, width, features].
      window: side of the square, and stride.

    Returns:
      [batch, height // window, width // window, features].
    """
    height, width = (size // window * window for size in x.shape[1:3])
    offsets = itertools.product(range(window), repeat=2)
    corners = [x[:, row:height:window, column:width:window, :] for row, column in offsets]
    return functools.reduce(lambda best, corner: jnp.where(best >= corner, best, corner), corners)
