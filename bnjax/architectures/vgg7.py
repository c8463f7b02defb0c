"""VGG7, the network of the placement study (Qiita, 2018-10-02)."""

from bnjax.architectures.architecture import Architecture, ImageShape, behind_input
from bnjax.placement import Site

VGG7_SITES = (
    Site("block1/conv1", "conv"),
    Site("block1/conv2", "conv"),
    Site("block2/conv1", "conv"),
    Site("block2/conv2", "conv"),
    Site("fc/dense1", "dense"),
    Site("fc/dense2", "dense"),
)

VGG7 = Architecture(
    name="vgg7",
    network="bnjax.models.vgg7:VGG7",
    images=ImageShape((32, 32, 3), 4),
    sites=lambda settings: behind_input(settings, VGG7_SITES),
    own_settings=("input_site",),
)
