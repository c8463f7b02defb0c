"""What networks are made of, as data for every library that builds them, and the two of photographs."""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from bnjax.architectures.inceptionv3_layers import INCEPTIONV3_BLOCKS, AveragePool, ConvolutionLayer, MaxPool
from bnjax.architectures.inceptionv3_layers import Branches as InceptionBranches
from bnjax.architectures.inceptionv3_layers import Chain as InceptionChain
from bnjax.architectures.mobilenetv2 import MOBILENETV2_STAGES


class Layer(NamedTuple):
    """A unit: ``conv``, ``depthwise`` or ``dense``, with norm and activation; or a layer without numbers.

    Attributes:
      kind: a unit's, or ``max_pool``, ``average_pool`` (of the pixels that lie in the image), ``flatten`` or
        ``mean`` (over all pixels).
      features: of a unit; of ``depthwise`` as many as go in.
      window: rows and columns of a kernel or of what is pooled.
      stride: of both sides.
      padding: ``same``: zeros around, so that ceil(side / stride) pixels come out; ``valid``: none.
      linear: there is no activation.
      norm: a unit has one.
    """

    kind: str
    features: int = 0
    window: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str = "same"
    linear: bool = False
    norm: bool = True

    @property
    def is_unit(self) -> bool:
        """Whether it has numbers to train."""
        return self.kind in ("conv", "depthwise", "dense")


class Shortcut(NamedTuple):
    """A chain whose output is added to its input."""

    chain: "Chain"


class Branches(NamedTuple):
    """Chains that all see the same input; their outputs are put behind each other by channel."""

    chains: tuple["Chain", ...]


Chain: TypeAlias = tuple["Layer | Shortcut | Branches", ...]


def with_norms(chain: Chain, norms: Iterator[bool]) -> Chain:
    """The same layers with norms in those units for which the iterator says so, in the order of the data."""
    return tuple(_with_norms(layer, norms) for layer in chain)


def _with_norms(layer: "Layer | Shortcut | Branches", norms: Iterator[bool]) -> "Layer | Shortcut | Branches":
    if isinstance(layer, Shortcut):
        return Shortcut(with_norms(layer.chain, norms))
    if isinstance(layer, Branches):
        return Branches(tuple(with_norms(chain, norms) for chain in layer.chains))
    return layer._replace(norm=next(norms)) if layer.is_unit else layer


POOL, FLATTEN, MEAN = (
    Layer("max_pool", window=(2, 2), stride=2, padding="valid"),
    Layer("flatten"),
    Layer("mean"),
)


def mobilenetv2_chain() -> Chain:
    """MobileNetV2 up to its logits.

    Its sides have to be even before every stride of 2: libraries pad odd ones in different ways.
    """
    first = (Layer("depthwise", 32, (3, 3)), Layer("conv", 16, linear=True))
    blocks = tuple(_inverted_residuals())
    return (Layer("conv", 32, (3, 3), stride=2), *first, *blocks, Layer("conv", 1280), MEAN)


def _inverted_residuals() -> Iterator[Layer | Shortcut]:
    channels = 16
    for count, features, first_stride in MOBILENETV2_STAGES[
        1:
    ]:  # the first has a single block, without expansion
        for stride in (first_stride, *[1] * (count - 1)):
            block = (
                Layer("conv", 6 * channels),
                Layer("depthwise", 6 * channels, (3, 3), stride),
                Layer("conv", features, linear=True),
            )
            if stride == 1 and features == channels:
                yield Shortcut(block)
            else:
                yield from block
            channels = features


def inceptionv3_chain() -> Chain:
    """InceptionV3 up to its logits, from the table of bnjax."""
    return (*(layer for chain in INCEPTIONV3_BLOCKS.values() for layer in _translated(chain)), MEAN)


def _translated(chain: InceptionChain) -> Chain:
    return tuple(_translated_layer(layer) for layer in chain)


def _translated_layer(
    layer: ConvolutionLayer | MaxPool | AveragePool | InceptionBranches,
) -> Layer | Branches:
    if isinstance(layer, ConvolutionLayer):
        return Layer("conv", layer.features, layer.kernel, layer.stride, layer.padding)
    if isinstance(layer, InceptionBranches):
        return Branches(tuple(map(_translated, layer.chains)))
    if isinstance(layer, MaxPool):
        return Layer("max_pool", window=(3, 3), stride=2, padding="valid")
    return Layer("average_pool", window=(3, 3))
