"""Pooling in the form that every platform runs well."""

import functools
import itertools

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from bnjax.nn.checks import check_count, check_images


def max_pool(
    x: Float[Array, "batch height width features"], window: int = 2, stride: int | None = None
) -> Float[Array, "batch new_height new_width features"]:
    """The maximum of each window x window square that lies in the image; pixels left over are dropped.

    Built from strided slices: on CPU its gradient is about 20 times faster than that of
    ``lax.reduce_window``. As there, and in TensorFlow and PyTorch, the gradient goes to the first of
    equal maxima in row-major order.

    Args:
      window: side of the square.
      stride: from one square to the next; None: they lie side by side.

    Returns:
      [batch, (height - window) // stride + 1, (width - window) // stride + 1, features].

    Raises:
      ValueError: the square is larger than the image.
    """
    check_count("max_pool", "window", window)
    step = window if stride is None else stride
    check_count("max_pool", "stride", step)
    check_images("max_pool", x, smallest_side=window)
    height, width = ((size - window) // step + 1 for size in x.shape[1:3])
    offsets = itertools.product(range(window), repeat=2)
    corners = [
        x[:, row : row + height * step : step, column : column + width * step : step, :]
        for row, column in offsets
    ]
    return functools.reduce(lambda best, corner: jnp.where(best >= corner, best, corner), corners)


def average_pool(
    x: Float[Array, "batch height width features"], window: int = 3
) -> Float[Array, "batch height width features"]:
    """The mean of the window x window square around each pixel, of those pixels that lie in the image.

    What TensorFlow and Keras do with stride 1 and ``same`` padding: zeros around the image do not count.
    Sums of shifted slices, whose gradients are such sums again.

    Args:
      window: side of the square, odd.

    Raises:
      ValueError: the window is even, or x are no images.
    """
    check_count("average_pool", "window", window)
    if window % 2 == 0:
        raise ValueError(f"average_pool: window={window} is not odd, so it has no pixel in its middle")
    check_images("average_pool", x)
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    counts = _window_sums(jnp.ones((1, *x.shape[1:3], 1), wide.dtype), window)
    return (_window_sums(wide, window) / counts).astype(x.dtype)


def _window_sums(
    x: Float[Array, "batch height width features"], window: int
) -> Float[Array, "batch height width features"]:
    """Sums over the square around each pixel: over its rows, then over its columns."""
    height, width = x.shape[1:3]
    around = (window // 2, window // 2)
    padded = jnp.pad(x, ((0, 0), around, around, (0, 0)))
    rows = [padded[:, row : row + height] for row in range(window)]
    summed = functools.reduce(jnp.add, rows)
    columns = [summed[:, :, column : column + width] for column in range(window)]
    return functools.reduce(jnp.add, columns)
