"""InceptionV3 (Szegedy et al. 2016), whose layers are a table in :mod:`.inceptionv3_layers`."""

from bnjax.architectures.architecture import Architecture, ImageShape
from bnjax.architectures.inceptionv3_layers import inceptionv3_positions, inceptionv3_site_names
from bnjax.placement import Site

#: 94 sites, in the order in which Keras makes its layers ``conv2d``, ``conv2d_1``, ...
INCEPTIONV3_SITES = tuple(Site(name, "conv") for name in inceptionv3_site_names())

INCEPTIONV3 = Architecture(
    name="inceptionv3",
    network="bnjax.models.inceptionv3:InceptionV3",
    images=ImageShape((299, 299, 3), 75),
    sites=lambda _: INCEPTIONV3_SITES,
    keras_positions=inceptionv3_positions,
    imagenet=True,
    size_flag="--head_width",
)
