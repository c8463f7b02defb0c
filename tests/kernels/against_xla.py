"""Kernels beside XLA's convolution in float64."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

#: Largest difference from float64, as a part of the largest value.
CLOSE = 5e-6


def plainly(x, kernel, shape):
    """XLA's convolution, in whatever precision its inputs have.

    Images are padded before it: of a kernel's gradient where a side is narrower than its padding, such as 1
    pixel between pads of 2 and 3, jaxlib 0.10.2's simplifier makes a window that it then refuses, and aborts.
    """
    groups = shape.channels if shape.depthwise else 1
    return lax.conv_general_dilated(
        jnp.pad(x, ((0, 0), *shape.pads, (0, 0))),
        kernel,
        (shape.stride, shape.stride),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def products(form, x, kernel, gradient):
    """A convolution and both of its gradients, in one program."""

    def all_of_them(x, kernel, gradient):
        result, pulled = jax.vjp(form, x, kernel)
        return result, *pulled(gradient)

    return [np.asarray(part) for part in jax.jit(all_of_them)(x, kernel, gradient)]


def inputs(shape, batch, seed=0):
    """Images, a kernel and a gradient in float64, which float32 holds exactly."""
    draw = np.random.default_rng(seed)
    sides = ((batch, *shape.images), shape.kernel, (batch, *shape.results))
    return [draw.normal(size=side).astype(np.float32).astype(np.float64) for side in sides]


def exactly(shape, arrays):
    """The products of XLA in float64."""
    with jax.enable_x64(True):
        return products(lambda x, kernel: plainly(x, kernel, shape), *arrays)


def single(arrays):
    return [array.astype(np.float32) for array in arrays]


def assert_close(found, expected):
    for name, mine, theirs in zip(("result", "of the input", "of the kernel"), found, expected, strict=True):
        assert mine.shape == theirs.shape, name
        assert mine.dtype == np.float32
        assert np.abs(mine - theirs).max() <= CLOSE * np.abs(theirs).max(), name
