"""The residual networks for small images (He et al. 2016, section 4.2), and other orders of their blocks."""

from collections.abc import Iterator

from bnjax.architectures.architecture import Architecture, ImageShape
from bnjax.placement import Site

#: Features of the stem and the first stage, of the second and of the third.
RESNET_FEATURES = (16, 32, 64)
#: 6n + 2: a stem, three stages of n blocks of two convolutions, logits. The paper's, and two smaller ones.
RESNET_DEPTHS = (8, 14, 20, 32, 44, 56, 110)
#: From the block's images to its sum where features change: zeros for new features, or a 1 x 1 convolution.
SHORTCUTS = ("pad", "project")

#: Where a block's norms and activations stand (He et al. 2016, "Identity Mappings", figure 4, a to e).
RESIDUAL_BLOCKS = (
    "original",
    "norm-after-sum",
    "activation-before-sum",
    "activation-first",
    "preactivation",
)
#: Those whose second convolution has no activation: its norm stands in front of the sum.
_LINEAR_SECOND = ("original", "activation-first")


def resnet_blocks(depth: int) -> Iterator[tuple[str, int, int]]:
    """Name, features and stride of every block, in the order in which data meets them."""
    count = (depth - 2) // 6
    for number in range(3 * count):
        stage, place = divmod(number, count)
        yield f"block{number + 1}", RESNET_FEATURES[stage], 2 if stage and not place else 1


def resnet_sites(depth: int, shortcut: str, residual_block: str) -> tuple[Site, ...]:
    """``stem/conv1``, then ``conv1``, ``conv2`` and, where it projects, ``shortcut`` of each block.

    The norm of ``conv2`` is that of its convolution's output in front of the sum, or that of the sum:
    ``norm-after-sum`` and ``preactivation``. There before and after its activation are two placements.
    """
    linear = residual_block in _LINEAR_SECOND
    sites = [Site("stem/conv1", "conv")]
    for name, _, stride in resnet_blocks(depth):
        sites += [Site(f"{name}/conv1", "conv"), Site(f"{name}/conv2", "conv", linear=linear)]
        if stride > 1 and shortcut == "project":
            sites.append(Site(f"{name}/shortcut", "conv", linear=True))
    return tuple(sites)


RESNET = Architecture(
    name="resnet",
    network="bnjax.models.resnet:ResNet",
    images=ImageShape((32, 32, 3), 1),
    sites=lambda settings: resnet_sites(settings.depth, settings.shortcut, settings.residual_block),
    own_settings=("depth", "shortcut", "residual_block", "conv_bias"),
    # The activation behind a sum belongs to no unit that could learn a slope.
    activations=("relu", "leaky_relu", "relu6", "elu", "gelu", "sigmoid", "tanh"),
    size_flag="--depth",
)
