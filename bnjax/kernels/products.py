"""The products of a layer as operations of JAX: each is linear in both of its inputs.

A convolution, the gradient of its input and that of its kernel are each other's derivatives, so all three can
be differentiated in both modes, any number of times. On CPU each is a call of a kernel; under ``vmap``, on
other platforms, and where a kernel cannot be compiled, it is the form of :mod:`bnjax.kernels.plain`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from bnjax.kernels import plain
from bnjax.kernels.targets import call, target_for
from bnjax.kernels.writing.shapes import Convolution

Sides = tuple[int, ...]


class _Product(NamedTuple):
    """One of the three.

    Attributes:
      result: the sides of what comes out, from those of the inputs.
      plain: the same in XLA's operations.
    """

    result: Callable[[Sides, Sides, Convolution], Sides]
    plain: Callable[[Array, Array, Convolution], Array]


def convolved(x: Array, kernel: Array, shape: Convolution) -> Array:
    """The convolution of images, by a kernel of :mod:`bnjax.kernels`.

    Args:
      x: float32 [batch, height, width, channels].
      kernel: float32 [rows, columns, channels, features], or [rows, columns, 1, channels].
      shape: what both have together.

    Returns:
      [batch, height, width, features].
    """
    return _FORWARD.bind(x, kernel, shape=shape)


def _plain_forward(x: Array, kernel: Array, shape: Convolution) -> Array:
    form = plain.depthwise if shape.depthwise else plain.convolution
    return form(x, kernel, shape.stride, shape.pads)


def _plain_input_gradient(gradient: Array, kernel: Array, shape: Convolution) -> Array:
    images = jnp.zeros((len(gradient), *shape.images), gradient.dtype)
    _, pulled = jax.vjp(lambda images: _plain_forward(images, kernel, shape), images)
    return pulled(gradient)[0]


def _plain_kernel_gradient(x: Array, gradient: Array, shape: Convolution) -> Array:
    _, pulled = jax.vjp(lambda kernel: _plain_forward(x, kernel, shape), jnp.zeros(shape.kernel, x.dtype))
    return pulled(gradient)[0]


PRODUCTS = {
    "forward": _Product(
        lambda x, kernel, shape: (x[0], *shape.results),
        _plain_forward,
    ),
    "input_gradient": _Product(
        lambda gradient, kernel, shape: (gradient[0], *shape.images),
        _plain_input_gradient,
    ),
    "kernel_gradient": _Product(
        lambda x, gradient, shape: shape.kernel,
        _plain_kernel_gradient,
    ),
}


def _operation(name: str) -> Primitive:
    """A product as an operation of JAX, all but its derivatives."""
    product = PRODUCTS[name]
    operation = Primitive(f"bnjax_{name}")

    def result_of(left: Any, right: Any, *, shape: Convolution) -> ShapedArray:
        return ShapedArray(product.result(left.shape, right.shape, shape), left.dtype)

    def plainly(left: Array, right: Array, *, shape: Convolution) -> Array:
        return product.plain(left, right, shape)

    def by_kernel(left: Array, right: Array, *, shape: Convolution) -> Array:
        sides = product.result(left.shape, right.shape, shape)
        target = target_for(name, shape)
        if target is None:
            return plainly(left, right, shape=shape)
        return call(target, jax.ShapeDtypeStruct(sides, left.dtype), left, right)

    def each_by_itself(
        inputs: Sequence[Array], axes: Sequence[int | None], *, shape: Convolution
    ) -> tuple[Array, int]:
        form = functools.partial(plainly, shape=shape)
        return jax.vmap(form, in_axes=tuple(axes))(*inputs), 0

    @functools.cache
    def compiled(shape: Convolution) -> Callable[[Array, Array], Array]:
        return jax.jit(functools.partial(operation.bind, shape=shape))

    operation.def_abstract_eval(result_of)
    operation.def_impl(lambda left, right, *, shape: compiled(shape)(left, right))
    batching.primitive_batchers[operation] = each_by_itself
    mlir.register_lowering(operation, mlir.lower_fun(plainly, multiple_results=False))
    mlir.register_lowering(operation, mlir.lower_fun(by_kernel, multiple_results=False), platform="cpu")
    return operation


_FORWARD, _INPUT_GRADIENT, _KERNEL_GRADIENT = map(_operation, PRODUCTS)
ad.defbilinear(
    _FORWARD,
    lambda given, x, kernel, *, shape: _INPUT_GRADIENT.bind(given, kernel, shape=shape),
    lambda given, x, kernel, *, shape: _KERNEL_GRADIENT.bind(x, given, shape=shape),
)
ad.defbilinear(
    _INPUT_GRADIENT,
    lambda given, gradient, kernel, *, shape: _FORWARD.bind(given, kernel, shape=shape),
    lambda given, gradient, kernel, *, shape: _KERNEL_GRADIENT.bind(given, gradient, shape=shape),
)
ad.defbilinear(
    _KERNEL_GRADIENT,
    lambda given, x, gradient, *, shape: _INPUT_GRADIENT.bind(gradient, given, shape=shape),
    lambda given, x, gradient, *, shape: _FORWARD.bind(x, given, shape=shape),
)
