"""The networks as values without JAX: one file each, and this registry.

A new network is a file here, a Flax module in :mod:`bnjax.models`, and its name in the tuple below.
"""

from bnjax.architectures.architecture import Architecture, ImageShape
from bnjax.architectures.cnn import CNN
from bnjax.architectures.inceptionv3 import INCEPTIONV3
from bnjax.architectures.mlp import MLP
from bnjax.architectures.mobilenetv2 import MOBILENETV2
from bnjax.architectures.resnet import RESNET
from bnjax.architectures.vgg7 import VGG7
from bnjax.architectures.vit import VIT

#: By name, in the order of the help.
ARCHITECTURES: dict[str, Architecture] = {
    one.name: one for one in (CNN, MLP, VGG7, RESNET, VIT, MOBILENETV2, INCEPTIONV3)
}

__all__ = ["ARCHITECTURES", "Architecture", "ImageShape"]
