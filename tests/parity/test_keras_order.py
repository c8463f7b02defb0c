"""Keras's order of layers, which ``--freeze_until`` counts in, against its own networks."""

import keras
import pytest
from keras import layers

from bnjax.architectures.inceptionv3_layers import inceptionv3_positions
from bnjax.architectures.mobilenetv2 import mobilenetv2_positions

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("keras_float64", "numpy_initialisers")]


def made(layer):
    """When Keras made a layer of its kind: ``conv2d``, ``conv2d_1``, ..."""
    number = layer.name.rpartition("_")[2]
    return int(number) if number.isdecimal() else 0


def places(network, kinds):
    return [place for place, layer in enumerate(network.layers) if isinstance(layer, kinds)]


def test_layers_of_inceptionv3():
    other = keras.applications.InceptionV3(include_top=False, weights=None, input_shape=(75, 75, 3))
    kernels, norms = (
        sorted(places(other, kind), key=lambda place: made(other.layers[place]))
        for kind in (layers.Conv2D, layers.BatchNormalization)
    )
    positions, count = inceptionv3_positions()
    assert count == len(other.layers)
    assert list(positions.values()) == list(zip(kernels, norms, strict=True))
    assert other.layers[248].name == "mixed8"


def test_layers_of_mobilenetv2():
    other = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), alpha=0.35
    )
    kernels = places(other, (layers.Conv2D, layers.DepthwiseConv2D))
    norms = places(other, layers.BatchNormalization)
    positions, count = mobilenetv2_positions()
    assert count == len(other.layers)
    assert list(positions.values()) == list(zip(kernels, norms, strict=True))
