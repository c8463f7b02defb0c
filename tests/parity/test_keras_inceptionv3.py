"""InceptionV3 against Keras's own, with every number random and its layers met in the order they are made."""

import jax
import keras
import numpy as np
import pytest
from keras import layers

from bnjax.models import InceptionV3
from bnjax.models.network import unit_name

pytestmark = [
    pytest.mark.slow(minutes=3),
    pytest.mark.usefixtures("keras_float64", "numpy_initialisers"),
    # Keras's own get_weights with NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

#: dtype -> the largest difference, of the largest value that is compared.
TOLERANCES = {"float32": 1e-4, "float64": 1e-9}
CLASSES = 7
#: The smallest: 7 pixels where it is widest, 3 behind mixed3 and 1 behind mixed8.
IMAGES = (3, 75, 75, 3)


def made(layer):
    """When Keras made a layer of its kind: ``conv2d``, ``conv2d_1``, ..."""
    number = layer.name.rpartition("_")[2]
    return int(number) if number.isdecimal() else 0


def layers_by_site(model, other):
    """Site -> Keras's convolution and its norm."""
    kinds = layers.Conv2D, layers.BatchNormalization
    made_in_turn = [sorted((la for la in other.layers if isinstance(la, kind)), key=made) for kind in kinds]
    return {site.name: pair for site, *pair in zip(model.sites, *made_in_turn, strict=True)}


def weights_by_layer(model, other, variables):
    """Pairs of a layer of Keras and our numbers, in the order and the shapes of its ``get_weights``."""
    for site, (convolution, norm) in layers_by_site(model, other).items():
        unit = variables["params"][unit_name(site)]
        running = variables["batch_stats"][unit_name(site)]["norm"]
        yield convolution, [unit["kernel"]]
        yield norm, [unit["norm"]["bias"], running["mean"], running["var"]]
    logits = variables["params"]["logits"]
    yield other.get_layer("predictions"), [logits["kernel"], logits["bias"]]


def our_outputs(model, variables, images):
    @jax.jit
    def both(variables):
        trained, updated = model.apply(variables, images, train=True, mutable=["batch_stats"])
        return model.apply(variables, images, train=False), trained, updated["batch_stats"]

    return both(variables)


def assert_close(mine, other, dtype):
    mine, other = np.asarray(mine), np.asarray(other)
    assert mine.dtype == other.dtype == dtype
    assert mine.shape == other.shape
    assert np.abs(mine - other).max() <= TOLERANCES[dtype] * np.abs(other).max()


def both_networks(dtype, random_variables):
    """Our network, its variables, and Keras's network with the same numbers."""
    model = InceptionV3(num_classes=CLASSES, placement="all", order="before", param_dtype=dtype)
    variables = jax.tree.map(lambda leaf: leaf.astype(dtype), random_variables(model, IMAGES[1:]))
    other = keras.applications.InceptionV3(
        input_shape=IMAGES[1:], weights=None, classes=CLASSES, classifier_activation=None
    )
    for layer, weights in weights_by_layer(model, other, variables):
        layer.set_weights(weights)
    return model, variables, other


def random_images(dtype):
    return np.random.default_rng(3).normal(0, 2, IMAGES).astype(dtype)


def test_outputs_and_running_statistics(random_variables, keras_outputs):
    model, variables, other = both_networks("float64", random_variables)
    images = random_images("float64")
    *outputs, statistics = our_outputs(model, variables, images)
    for mine, theirs in zip(outputs, keras_outputs(other, images), strict=True):
        assert_close(mine, theirs, "float64")
    after = {"params": variables["params"], "batch_stats": statistics}
    for layer, weights in weights_by_layer(model, other, after):
        for mine, theirs in zip(weights, layer.get_weights(), strict=True):
            assert_close(mine, theirs, "float64")


def test_evaluation_in_float32(random_variables):
    """Not training: norms over the 3 pixels of the last blocks make much of rounding."""
    keras.config.set_floatx("float32")
    model, variables, other = both_networks("float32", random_variables)
    images = random_images("float32")
    weights = [
        [variable.value for variable in kind]
        for kind in (other.trainable_variables, other.non_trainable_variables)
    ]
    theirs = jax.jit(lambda *weights: other.stateless_call(*weights, images, training=False)[0])(*weights)
    assert_close(jax.jit(model.apply)(variables, images), theirs, "float32")
