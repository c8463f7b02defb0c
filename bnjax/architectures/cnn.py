"""The CNN of the CIFAR-10 study (Qiita, 2018-06-10)."""

from bnjax.architectures.architecture import Architecture, ImageShape, behind_input
from bnjax.placement import Site

CNN_SITES = (
    Site("block1/conv1", "conv"),
    Site("block2/conv1", "conv"),
    Site("fc/dense1", "dense"),
)

CNN = Architecture(
    name="cnn",
    network="bnjax.models.cnn:CNN",
    images=ImageShape((32, 32, 3), 4),
    sites=lambda settings: behind_input(settings, CNN_SITES),
    own_settings=("input_site",),
)
