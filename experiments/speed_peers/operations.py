"""How many floating-point operations a training step takes, counted from the layers of a network.

A closed form over convolutions and dense layers, by far the most of them: a multiplication and an addition
for each weight that meets a pixel, zeros around images not counted, as XLA counts too. Norms, activations,
pooling, loss and optimizer are left out, so that the count is the same for every library, whatever it fuses
or computes anew.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from speed_peers.layers import Branches, Chain, Layer, Shortcut
from speed_peers.networks import CLASSES, Task

_Shape = tuple[int, ...]
#: What a unit computes in a training step: its output, and the gradients that its input and its kernel get.
PRODUCTS = ("forward", "input gradient", "kernel gradient")


class Unit(NamedTuple):
    """A convolution or dense layer, and the shape of what comes in, for one image."""

    layer: Layer
    shape: _Shape


def step_operations(task: Task) -> int | None:
    """Operations of a training step over a whole batch; None of a fine-tuned network.

    Forward once, and as many again for the gradient of the kernel and for that of the input, which the first
    layer does not need. Of a frozen part the gradients are not computed, or not even the outputs.
    """
    if task.frozen:
        return None
    counts = layer_operations(task)
    return task.batch_size * (3 * sum(counts) - counts[0])


def layer_operations(task: Task) -> list[int]:
    """Operations of the forward pass of one image, unit by unit in the order of the data, logits last."""
    return [unit_operations(unit) for unit in network_units(task)]


def unit_operations(unit: Unit) -> int:
    """Operations of the forward pass of one image."""
    layer, shape = unit
    if layer.kind == "dense":
        return 2 * shape[0] * layer.features
    rows, columns = _met_pixels(unit)
    weights = layer.features if layer.kind == "depthwise" else layer.features * shape[2]
    return 2 * sum(rows) * sum(columns) * weights


def network_units(task: Task) -> list[Unit]:
    """The units of a network in the order of the data, logits last."""
    found: list[Unit] = []
    (features,) = _through(task.architecture.chain, task.image_shape, found)
    return [*found, Unit(Layer("dense", CLASSES), (features,))]


def _through(chain: Chain, shape: _Shape, found: list[Unit]) -> _Shape:
    """The shape that comes out; adds its units to those found."""
    for layer in chain:
        if isinstance(layer, Shortcut):
            shape = _through(layer.chain, shape, found)
        elif isinstance(layer, Branches):
            shapes = [_through(branch, shape, found) for branch in layer.chains]
            shape = (*shapes[0][:2], sum(channels for _, _, channels in shapes))
        else:
            if layer.is_unit:
                found.append(Unit(layer, shape))
            shape = output_shape(Unit(layer, shape))
    return shape


def output_shape(unit: Unit) -> _Shape:
    """The shape that comes out, for one image."""
    layer, shape = unit
    if layer.kind == "dense":
        return (layer.features,)
    if layer.kind == "flatten":
        return (math.prod(shape),)
    if layer.kind == "mean":
        return shape[2:]
    rows, columns = _met_pixels(unit)
    return len(rows), len(columns), layer.features or shape[2]


def _met_pixels(unit: Unit) -> tuple[list[int], list[int]]:
    """For each place of the window along rows, and along columns, how many of its pixels lie in the image."""
    rows, columns = (
        list(_met(side, window, unit.layer))
        for side, window in zip(unit.shape[:2], unit.layer.window, strict=True)
    )
    return rows, columns


def _met(side: int, window: int, layer: Layer) -> Iterator[int]:
    """For each place of a window along a side, how many of its pixels lie in the image."""
    stride = layer.stride
    count = -(-side // stride) if layer.padding == "same" else (side - window) // stride + 1
    before = max((count - 1) * stride + window - side, 0) // 2  # more zeros behind than before
    for first in range(-before, count * stride - before, stride):
        yield min(first + window, side) - max(first, 0)
