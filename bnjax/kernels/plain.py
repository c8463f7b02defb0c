"""Convolutions in XLA's own operations, in the form that the platform runs well."""

import functools
import itertools
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
from jax import Array, lax

_LAYOUT = ("NHWC", "HWIO", "NHWC")
#: Zeros before and behind rows, and columns.
Pads = tuple[tuple[int, int], ...]
#: Terms that one fused loop adds; more take longer to compile than they save.
_TERMS = 8


def convolution(x: Array, kernel: Array, stride: int, padding: str | Pads) -> Array:
    """XLA's own convolution.

    Given the flag that :func:`bnjax.process.backend.configure_backend` sets, it is the fastest of XLA's forms
    that was measured on CPU: one matrix product over patches loses even on first layers.

    Args:
      x: [batch, height, width, channels].
      kernel: [height, width, channels, features].
      stride: of both sides.
      padding: as in ``lax.conv_general_dilated``.
    """
    return _convolved(x, kernel, stride, padding, groups=1)


def depthwise(x: Array, kernel: Array, stride: int, padding: str | Pads) -> Array:
    """Convolution of each channel with a kernel of its own.

    On CPU it is a sum of shifted products, whose gradients are too, and which can be differentiated in
    reverse any number of times: XLA's own form is many times slower there (measured,
    see experiments/results/speed/README.md).

    Args:
      x: [batch, height, width, channels].
      kernel: [height, width, 1, channels].
      stride, padding: see :func:`convolution`.
    """
    if jax.default_backend() != "cpu":
        return _convolved(x, kernel, stride, padding, groups=x.shape[-1])
    if isinstance(padding, str):
        padding = tuple(lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], (stride, stride), padding))
    return _depthwise(x, kernel, stride, padding)


def _convolved(x: Array, kernel: Array, stride: int, padding: str | Pads, groups: int) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        padding,
        dimension_numbers=_LAYOUT,
        feature_group_count=groups,
    )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _depthwise(x: Array, kernel: Array, stride: int, pads: Pads) -> Array:
    taps = _taps(_padded(x, pads), kernel.shape[:2], stride)
    weights = kernel.reshape(-1, kernel.shape[-1])
    return _added(_wide(tap) * _wide(weight) for tap, weight in zip(taps, weights, strict=True)).astype(
        x.dtype
    )


def _depthwise_forward(x: Array, kernel: Array, stride: int, pads: Pads) -> tuple[Array, tuple[Array, Array]]:
    return _depthwise(x, kernel, stride, pads), (x, kernel)


def _depthwise_backward(
    stride: int, pads: Pads, inputs: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    x, kernel = inputs
    of_kernel = _kernel_gradient(x, gradient, kernel.shape, stride, pads).astype(kernel.dtype)
    of_x = _input_gradient(gradient, kernel, stride, pads, x.shape)
    return _as_shared(of_x, x), _as_shared(of_kernel, kernel)


def _as_shared(gradient: Array, argument: Array) -> Array:
    """Within ``shard_map``: the sum over the devices that have the same argument, as JAX does by itself."""
    axes = _varying(gradient) - _varying(argument)
    return lax.psum(gradient, tuple(axes)) if axes else gradient


def _varying(x: Array) -> frozenset:
    """The axes of ``shard_map`` along which devices have different values."""
    told = jax.typeof(x)  # JAX 0.10 has moved it from one attribute to another
    varying: frozenset = told.mat.varying if hasattr(told, "mat") else told.vma
    return varying


_depthwise.defvjp(_depthwise_forward, _depthwise_backward)


def _input_gradient(gradient: Array, kernel: Array, stride: int, pads: Pads, shape: tuple[int, ...]) -> Array:
    """The gradient with zeros between and around its pixels, convolved with the turned kernel."""
    around = []
    for side, pixels, taps, (before, _) in zip(
        shape[1:3], gradient.shape[1:3], kernel.shape[:2], pads, strict=True
    ):
        around.append((taps - 1 - before, side + before - (pixels - 1) * stride - 1, stride - 1))
    nothing = (0, 0, 0)
    spread = lax.pad(gradient, jnp.zeros([], gradient.dtype), (nothing, *around, nothing))
    if stride > 1:
        spread = lax.optimization_barrier(spread)  # else nine loops each look for the zeros
    return _depthwise(spread, kernel[::-1, ::-1], 1, ((0, 0), (0, 0)))


def _kernel_gradient(x: Array, gradient: Array, shape: tuple[int, ...], stride: int, pads: Pads) -> Array:
    """Sums over examples and pixels of shifted products, by loops over vectors of channels.

    XLA's reductions that keep the last axis alone are slow on CPU. The rows of the kernel take turns in one
    program, which is compiled once for all of them.
    """
    padded = _wide(_padded(x, pads))
    parts = _in_parts(_wide(gradient))
    seen = (gradient.shape[1] - 1) * stride + 1

    def of_row(row: Array) -> Array:
        taps = _taps(lax.dynamic_slice_in_dim(padded, row, seen, axis=1), (1, shape[1]), stride)
        products = [_added(map(jnp.multiply, _in_parts(tap), parts)) for tap in taps]
        # Barriers keep XLA from making one slow loop of all sums.
        sums = jnp.stack(lax.optimization_barrier(products)).reshape(len(products), -1, shape[-1])
        for _ in range(2):
            sums = lax.optimization_barrier(_added(_in_parts(sums)))
        return sums.sum(1)

    return jnp.asarray(lax.map(of_row, jnp.arange(shape[0]))).reshape(shape)


def _wide(x: Array) -> Array:
    """In float32 at least: sums of bfloat16 would lose what they add."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _added(terms: Iterable[Array]) -> Array:
    return functools.reduce(jnp.add, terms)


def _in_parts(x: Array) -> list[Array]:
    """Equal parts of the second axis, as many as one loop should add."""
    count = max(parts for parts in range(1, _TERMS + 1) if x.shape[1] % parts == 0)
    return jnp.split(x, count, axis=1)


def _padded(x: Array, pads: Pads) -> Array:
    return jnp.pad(x, ((0, 0), *pads, (0, 0)))


def _taps(padded: Array, kernel: tuple[int, ...], stride: int) -> Iterator[Array]:
    """What each place of the kernel sees, row by row: pixels [batch, height, width, channels]."""
    batch, *sides, channels = padded.shape
    pixels = [(side - taps) // stride + 1 for side, taps in zip(sides, kernel, strict=True)]
    for place in itertools.product(*map(range, kernel)):
        ends = [start + (count - 1) * stride + 1 for start, count in zip(place, pixels, strict=True)]
        yield lax.slice(padded, (0, *place, 0), (batch, *ends, channels), (1, stride, stride, 1))
