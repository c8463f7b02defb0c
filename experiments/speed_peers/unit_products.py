"""The three products of a layer in a training step, in bnjax's form and in PyTorch's."""

import math
from collections.abc import Callable

import jax
import numpy as np
import torch
from jax import Array
from torch.nn import functional

from bnjax.nn.conv import conv2d, depthwise_conv2d
from speed_peers.operations import PRODUCTS, Unit, output_shape

#: Computes a product and waits for it.
Product = Callable[[], Array | torch.Tensor]


def bnjax_products(unit: Unit, batch_size: int) -> dict[str, Product]:
    """Compiled, by their names in :data:`PRODUCTS`."""
    x, kernel, gradient = map(jax.device_put, _numbers(unit, batch_size))

    def output(x: Array, kernel: Array) -> Array:
        layer = unit.layer
        if layer.kind == "dense":
            return x @ kernel
        convolve = depthwise_conv2d if layer.kind == "depthwise" else conv2d
        return convolve(x, kernel, layer.stride, layer.padding)

    def of_input(x: Array, kernel: Array, gradient: Array) -> Array:
        return jax.vjp(lambda x: output(x, kernel), x)[1](gradient)[0]

    def of_kernel(x: Array, kernel: Array, gradient: Array) -> Array:
        return jax.vjp(lambda kernel: output(x, kernel), kernel)[1](gradient)[0]

    def product(function: Callable[..., Array], *arguments: Array) -> Product:
        compiled = jax.jit(function).lower(*arguments).compile()
        return lambda: jax.block_until_ready(compiled(*arguments))

    products = (
        product(output, x, kernel),
        product(of_input, x, kernel, gradient),
        product(of_kernel, x, kernel, gradient),
    )
    return dict(zip(PRODUCTS, products, strict=True))


def torch_products(unit: Unit, batch_size: int) -> dict[str, Product]:
    """The three on the same numbers, channels last: its faster layout for nearly all of them."""
    arrays, layer = _numbers(unit, batch_size), unit.layer
    x, kernel, gradient = _torch_images(arrays[0]), _torch_kernel(arrays[1]), _torch_images(arrays[2])
    x.requires_grad_()
    kernel.requires_grad_()

    def output() -> torch.Tensor:
        if layer.kind == "dense":
            return functional.linear(x, kernel)
        around = [window // 2 if layer.padding == "same" else 0 for window in layer.window]
        groups = layer.features if layer.kind == "depthwise" else 1
        return functional.conv2d(x, kernel, None, layer.stride, around, groups=groups)

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            return output()

    made = output()

    def gradient_of(what: torch.Tensor) -> Product:
        return lambda: torch.autograd.grad(made, what, gradient, retain_graph=True)[0]

    return dict(zip(PRODUCTS, (forward, gradient_of(x), gradient_of(kernel)), strict=True))


def _numbers(unit: Unit, batch_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Input, kernel and the output's gradient as bnjax lays them out."""
    random = np.random.default_rng(0)
    layer, shape = unit
    inputs = 1 if layer.kind == "depthwise" else shape[-1]
    window = () if layer.kind == "dense" else layer.window
    shapes = (
        (batch_size, *shape),
        (*window, inputs, layer.features),
        (batch_size, *output_shape(unit)),
    )
    x, kernel, gradient = (random.normal(size=shape).astype(np.float32) for shape in shapes)
    return x, kernel / math.sqrt(inputs * math.prod(window)), gradient


def _torch_images(values: np.ndarray) -> torch.Tensor:
    """[batch, height, width, channels], or [batch, units], as PyTorch indexes it."""
    return torch.from_numpy(np.moveaxis(values, -1, 1))


def _torch_kernel(values: np.ndarray) -> torch.Tensor:
    """[height, width, inputs, features] or [inputs, features] as PyTorch indexes it and likes it to lie."""
    if values.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(values.T))
    return torch.from_numpy(values.transpose(3, 2, 0, 1)).contiguous(memory_format=torch.channels_last)
