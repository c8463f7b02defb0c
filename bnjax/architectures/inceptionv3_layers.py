"""The layers of InceptionV3 (Szegedy et al. 2016), as data in the order in which Keras makes them (no JAX).

Sites, network and the shapes of all kernels come from the one table here.
"""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class ConvolutionLayer:
    """A unit: convolution without bias, norm, ReLU.

    Attributes:
      features: channels that come out.
      kernel: its rows and columns.
      stride, padding: see :func:`bnjax.nn.conv.conv2d`.
    """

    features: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "same"


@dataclass(frozen=True)
class MaxPool:
    """The maximum of 3 x 3 pixels at every second place that holds them all."""


@dataclass(frozen=True)
class AveragePool:
    """The mean of up to 3 x 3 pixels around every pixel; what lies outside does not count."""


@dataclass(frozen=True)
class Branches:
    """Chains that all see the same input; their outputs are put behind each other by channel."""

    chains: tuple["Chain", ...]


Layer = ConvolutionLayer | MaxPool | AveragePool | Branches
Chain = tuple[Layer, ...]


def _halving(features: int) -> ConvolutionLayer:
    return ConvolutionLayer(features, (3, 3), stride=2, padding="valid")


def _block_5x5(pooled_features: int) -> Chain:
    """The paper's figure 5, with a 5 x 5 in the place of its single 3 x 3."""
    one = (ConvolutionLayer(64),)
    five = (ConvolutionLayer(48), ConvolutionLayer(64, (5, 5)))
    twice_three = (ConvolutionLayer(64), ConvolutionLayer(96, (3, 3)), ConvolutionLayer(96, (3, 3)))
    pooled = (AveragePool(), ConvolutionLayer(pooled_features))
    return (Branches((one, five, twice_three, pooled)),)


def _block_7x7(features: int) -> Chain:
    """The paper's figure 6 with n = 7: a 7 x 7 taken apart, and two of them."""
    one = (ConvolutionLayer(192),)
    seven = (ConvolutionLayer(features), ConvolutionLayer(features, (1, 7)), ConvolutionLayer(192, (7, 1)))
    inner = tuple(ConvolutionLayer(features, kernel) for kernel in ((7, 1), (1, 7), (7, 1)))
    twice_seven = (ConvolutionLayer(features), *inner, ConvolutionLayer(192, (1, 7)))
    pooled = (AveragePool(), ConvolutionLayer(192))
    return (Branches((one, seven, twice_seven, pooled)),)


def _block_wide() -> Chain:
    """The paper's figure 7: branches that end in a 1 x 3 and a 3 x 1 beside each other."""
    fork = Branches(((ConvolutionLayer(384, (1, 3)),), (ConvolutionLayer(384, (3, 1)),)))
    one = (ConvolutionLayer(320),)
    three = (ConvolutionLayer(384), fork)
    twice_three = (ConvolutionLayer(448), ConvolutionLayer(384, (3, 3)), fork)
    pooled = (AveragePool(), ConvolutionLayer(192))
    return (Branches((one, three, twice_three, pooled)),)


#: Block -> its layers. Blocks are named as Keras names where they end.
INCEPTIONV3_BLOCKS: dict[str, Chain] = {
    "stem": (
        _halving(32),
        ConvolutionLayer(32, (3, 3), padding="valid"),
        ConvolutionLayer(64, (3, 3)),
        MaxPool(),
        ConvolutionLayer(80),
        ConvolutionLayer(192, (3, 3), padding="valid"),
        MaxPool(),
    ),
    "mixed0": _block_5x5(32),
    "mixed1": _block_5x5(64),
    "mixed2": _block_5x5(64),
    "mixed3": (
        Branches(
            (
                (_halving(384),),
                (ConvolutionLayer(64), ConvolutionLayer(96, (3, 3)), _halving(96)),
                (MaxPool(),),
            )
        ),
    ),
    "mixed4": _block_7x7(128),
    "mixed5": _block_7x7(160),
    "mixed6": _block_7x7(160),
    "mixed7": _block_7x7(192),
    "mixed8": (
        Branches(
            (
                (ConvolutionLayer(192), _halving(320)),
                (
                    ConvolutionLayer(192),
                    ConvolutionLayer(192, (1, 7)),
                    ConvolutionLayer(192, (7, 1)),
                    _halving(192),
                ),
                (MaxPool(),),
            )
        ),
    ),
    "mixed9": _block_wide(),
    "mixed10": _block_wide(),
}


def convolutions(chain: Chain) -> Iterator[ConvolutionLayer]:
    """The units of a chain, branch after branch."""
    for layer in chain:
        if isinstance(layer, ConvolutionLayer):
            yield layer
        elif isinstance(layer, Branches):
            for branch in layer.chains:
                yield from convolutions(branch)


def inceptionv3_site_names() -> Iterator[str]:
    """``stem/conv1`` ... ``mixed10/conv9``: numbered in each block, in the order of :func:`convolutions`."""
    for block, chain in INCEPTIONV3_BLOCKS.items():
        for number, _ in enumerate(convolutions(chain), start=1):
            yield f"{block}/conv{number}"


def inceptionv3_kernel_shapes(channels: int = 3) -> dict[str, tuple[int, int, int, int]]:
    """Site -> shape of its kernel: rows, columns, channels in, features out.

    Args:
      channels: of the images.
    """
    shapes: list[tuple[int, int, int, int]] = []
    for chain in INCEPTIONV3_BLOCKS.values():
        channels = _add_shapes(chain, channels, shapes)
    return dict(zip(inceptionv3_site_names(), shapes, strict=True))


def _add_shapes(chain: Chain, channels: int, shapes: list[tuple[int, int, int, int]]) -> int:
    """Adds those of a chain's kernels; returns how many channels come out of it."""
    for layer in chain:
        if isinstance(layer, ConvolutionLayer):
            shapes.append((*layer.kernel, channels, layer.features))
            channels = layer.features
        elif isinstance(layer, Branches):
            channels = sum(_add_shapes(branch, channels, shapes) for branch in layer.chains)
    return channels


def inceptionv3_depths() -> dict[str, int]:
    """Site -> layers from its convolution to the end of Keras's network, by the longest way, itself included.

    Keras lists and stores its layers by falling depth, and those of one depth as they were made. A unit is
    three layers there: convolution, norm and activation.
    """
    kernels = [depth for kind, depth in _keras_layers() if kind == "kernel"]
    return dict(zip(inceptionv3_site_names(), kernels, strict=True))


def inceptionv3_positions() -> tuple[dict[str, tuple[int, int]], int]:
    """Site -> positions of its convolution and its norm among Keras's layers; and how many there are.

    Without the top; the images are layer 0.
    """
    layers = _keras_layers()
    listed = sorted(range(len(layers)), key=lambda made: -layers[made][1])  # sorting keeps ties in turn
    position = {made: 1 + place for place, made in enumerate(listed)}
    kernels, norms = (
        [position[made] for made, (kind, _) in enumerate(layers) if kind == wanted]
        for wanted in ("kernel", "norm")
    )
    pairs = zip(kernels, norms, strict=True)
    return dict(zip(inceptionv3_site_names(), pairs, strict=True)), 1 + len(layers)


#: What a layer of Keras's holds (``kernel``, ``norm`` or nothing), and its depth.
_KerasLayer = tuple[str, int]


def _keras_layers() -> list[_KerasLayer]:
    """All but the images, in the order in which they are made."""
    layers: list[_KerasLayer] = []
    depth = 0
    for chain in reversed(INCEPTIONV3_BLOCKS.values()):
        found, depth = _chain_layers(chain, depth)
        layers = found + layers
    return layers


def _chain_layers(chain: Chain, behind: int) -> tuple[list[_KerasLayer], int]:
    """Its layers, and the depth of the first one; ``behind`` is that of the layer behind it."""
    layers: list[_KerasLayer] = []
    for layer in reversed(chain):
        if isinstance(layer, ConvolutionLayer):
            layers = [("kernel", behind + 3), ("norm", behind + 2), ("", behind + 1), *layers]
            behind += 3
        elif isinstance(layer, Branches):
            branches = [_chain_layers(branch, behind + 1) for branch in layer.chains]
            layers = [made for found, _ in branches for made in found] + [("", behind + 1), *layers]
            behind = max(first for _, first in branches)
        else:
            layers = [("", behind + 1), *layers]
            behind += 1
    return layers, behind
