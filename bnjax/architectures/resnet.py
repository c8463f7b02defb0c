"""The residual networks for small images (He et al. 2016, section 4.2)."""

from collections.abc import Iterator

from bnjax.architectures.architecture import Architecture, Images
from bnjax.placement import Site

#: Features of the stem and the first stage, of the second and of the third.
RESNET_FEATURES = (16, 32, 64)
#: 6n + 2: a stem, three stages of n blocks of two convolutions, logits. The paper's, and two smaller ones.
RESNET_DEPTHS = (8, 14, 20, 32, 44, 56, 110)
#: From the block's images to its sum where features change: zeros for new features, or a 1 x 1 convolution.
SHORTCUTS = ("pad", "project")


def resnet_blocks(depth: int) -> Iterator[tuple[str, int, int]]:
    """Name, features and stride of every block, in the order in which data meets them."""
    count = (depth - 2) // 6
    for number in range(3 * count):
        stage, place = divmod(number, count)
        yield f"block{number + 1}", RESNET_FEATURES[stage], 2 if stage and not place else 1


def resnet_sites(depth: int, shortcut: str) -> tuple[Site, ...]:
    """``stem/conv1``, then ``conv1``, ``conv2`` and, where it projects, ``shortcut`` of each block.

    The activation behind a block's sum has no site: the sum's parts have theirs.
    """
    sites = [Site("stem/conv1", "conv")]
    for name, _, stride in resnet_blocks(depth):
        sites += [Site(f"{name}/conv1", "conv"), Site(f"{name}/conv2", "conv", linear=True)]
        if stride > 1 and shortcut == "project":
            sites.append(Site(f"{name}/shortcut", "conv", linear=True))
    return tuple(sites)


RESNET = Architecture(
    name="resnet",
    network="bnjax.models.resnet:ResNet",
    images=Images((32, 32, 3), 1),
    sites=lambda settings: resnet_sites(settings.depth, settings.shortcut),
    own_settings=("depth", "shortcut", "conv_bias"),
    # The activation behind a sum belongs to no unit that could learn a slope.
    activations=("relu", "leaky_relu", "relu6", "elu"),
    size_flag="--depth",
)
