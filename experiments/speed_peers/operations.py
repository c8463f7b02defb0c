"""How many floating-point operations a training step takes, counted from the layers of a network.

A closed form over convolutions and dense layers, by far the most of them: a multiplication and an addition
for each weight that meets a pixel, zeros around images not counted, as XLA counts too. Norms, activations,
pooling, loss and optimizer are left out, so that the count is the same for every library, whatever it fuses
or computes anew.
"""

from collections.abc import Iterator

from speed_peers.layers import Branches, Chain, Layer, Shortcut
from speed_peers.networks import CLASSES, Task

_Shape = tuple[int, ...]


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
    counts: list[int] = []
    (features,) = _through(task.architecture.chain, task.image_shape, counts)
    return [*counts, 2 * features * CLASSES]


def _through(chain: Chain, shape: _Shape, counts: list[int]) -> _Shape:
    """The shape that comes out; adds the operations of its units to the counts."""
    for layer in chain:
        if isinstance(layer, Shortcut):
            shape = _through(layer.chain, shape, counts)
        elif isinstance(layer, Branches):
            shapes = [_through(branch, shape, counts) for branch in layer.chains]
            shape = (*shapes[0][:2], sum(channels for _, _, channels in shapes))
        else:
            shape = _through_layer(layer, shape, counts)
    return shape


def _through_layer(layer: Layer, shape: _Shape, counts: list[int]) -> _Shape:
    if layer.kind == "dense":
        counts.append(2 * shape[0] * layer.features)
        return (layer.features,)
    if layer.kind == "flatten":
        height, width, channels = shape
        return (height * width * channels,)
    if layer.kind == "mean":
        return shape[2:]
    rows, columns = (
        list(_met(side, window, layer)) for side, window in zip(shape[:2], layer.window, strict=True)
    )
    if layer.kind not in ("conv", "depthwise"):
        return len(rows), len(columns), shape[2]
    weights = layer.features if layer.kind == "depthwise" else layer.features * shape[2]
    counts.append(2 * sum(rows) * sum(columns) * weights)
    return len(rows), len(columns), layer.features


def _met(side: int, window: int, layer: Layer) -> Iterator[int]:
    """For each place of a window along a side, how many of its pixels lie in the image."""
    stride = layer.stride
    count = -(-side // stride) if layer.padding == "same" else (side - window) // stride + 1
    before = max((count - 1) * stride + window - side, 0) // 2  # more zeros behind than before
    for first in range(-before, count * stride - before, stride):
        yield min(first + window, side) - max(first, 0)
