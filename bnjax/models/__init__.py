"""The networks. Every one is used as ``model.apply(variables, images, train=...) -> logits``.

from bnjax.models import CNN
model = CNN(placement="conv,dense", dropout=0.4)
variables = model.init(jax.random.key(0), images)
logits, updates = model.apply(
variables, images, train=True, mutable=["batch_stats"], rngs={"dropout": key})
"""

from bnjax.models.build import build_model
from bnjax.models.cnn import CNN
from bnjax.models.gates import gates_for
from bnjax.models.inceptionv3 import InceptionV3
from bnjax.models.mlp import MLP
from bnjax.models.mobilenetv2 import MobileNetV2
from bnjax.models.network import Network
from bnjax.models.resnet import ResNet
from bnjax.models.vgg7 import VGG7
from bnjax.models.vit import ViT

__all__ = [
    "CNN",
    "MLP",
    "VGG7",
    "InceptionV3",
    "MobileNetV2",
    "Network",
    "ResNet",
    "ViT",
    "build_model",
    "gates_for",
]
