"""MobileNetV2 against Keras: its own network, and the two of the published experiment as in their text."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest
from keras import layers

from bnjax.models import MobileNetV2
from bnjax.models.network import unit_name
from bnjax.nn.initializers import depthwise_initializer, kernel_initializer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("keras_float64"),
    # Keras's own get_weights with NumPy 2.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

TOLERANCE = 1e-9
FLOAT32_TOLERANCE = 1e-4
CLASSES = 7


def normed(x, order):
    if order == "before":
        return layers.ReLU(max_value=6)(layers.BatchNormalization()(x))
    return layers.BatchNormalization()(layers.ReLU(max_value=6)(x))


def bottleneck(net, filters, out_ch, strides, shortcut=True, zero_pad=False, *, order):
    padding = "valid" if zero_pad else "same"
    shortcut_net = net
    net = normed(layers.Conv2D(filters * 6, 1, use_bias=False, padding="same")(net), order)
    if zero_pad:
        net = layers.ZeroPadding2D(padding=((0, 1), (0, 1)))(net)
    net = normed(layers.DepthwiseConv2D(3, strides=strides, use_bias=False, padding=padding)(net), order)
    net = layers.Conv2D(out_ch, 1, use_bias=False, padding="same")(net)
    net = layers.BatchNormalization()(net)
    return layers.Add()([net, shortcut_net]) if shortcut else net


def published_network(shape, order):
    """Both networks of the text, which differ in the order of BatchNormalization and ReLU alone."""
    block = partial(bottleneck, order=order)
    input_node = layers.Input(shape=shape)
    net = normed(layers.Conv2D(32, 3, (2, 2), use_bias=False, padding="same")(input_node), order)
    net = normed(layers.DepthwiseConv2D(3, use_bias=False, padding="same")(net), order)
    net = layers.Conv2D(16, 1, use_bias=False, padding="same")(net)
    net = layers.BatchNormalization()(net)
    net = block(net, 16, 24, (2, 2), shortcut=False, zero_pad=True)  # block_1
    net = block(net, 24, 24, (1, 1), shortcut=True)  # block_2
    net = block(net, 24, 32, (2, 2), shortcut=False, zero_pad=True)  # block_3
    net = block(net, 32, 32, (1, 1), shortcut=True)  # block_4
    net = block(net, 32, 32, (1, 1), shortcut=True)  # block_5
    net = block(net, 32, 64, (2, 2), shortcut=False, zero_pad=True)  # block_6
    net = block(net, 64, 64, (1, 1), shortcut=True)  # block_7
    net = block(net, 64, 64, (1, 1), shortcut=True)  # block_8
    net = block(net, 64, 64, (1, 1), shortcut=True)  # block_9
    net = block(net, 64, 96, (1, 1), shortcut=False)  # block_10
    net = block(net, 96, 96, (1, 1), shortcut=True)  # block_11
    net = block(net, 96, 96, (1, 1), shortcut=True)  # block_12
    net = block(net, 96, 160, (2, 2), shortcut=False, zero_pad=True)  # block_13
    net = block(net, 160, 160, (1, 1), shortcut=True)  # block_14
    net = block(net, 160, 160, (1, 1), shortcut=True)  # block_15
    net = block(net, 160, 320, (1, 1), shortcut=False)  # block_16
    net = normed(layers.Conv2D(1280, 1, use_bias=False, padding="same")(net), order)
    net = layers.GlobalAveragePooling2D()(net)
    return keras.Model(input_node, layers.Dense(CLASSES)(net))


def keras_own_network(shape, width):
    return keras.applications.MobileNetV2(
        shape, width, weights=None, classes=CLASSES, classifier_activation=None
    )


KERAS_OWN = dict(placement="all", stride_padding="same", norm_momentum=0.999)
#: name -> our settings, Keras's network, and height and width: odd and even sides meet every stride.
NETWORKS = {
    "Keras's own": (dict(KERAS_OWN, width_multiplier=0.35), partial(keras_own_network, width=0.35), (33, 40)),
    "published, before": (dict(placement="all"), partial(published_network, order="before"), (35, 33)),
    "published, after": (
        dict(placement="all", order="after"),
        partial(published_network, order="after"),
        (35, 33),
    ),
}


def weight_list(model, variables):
    """Our variables in the order and the shapes of Keras's ``get_weights``."""
    params, stats = variables["params"], variables["batch_stats"]
    weights = []
    for site in model.sites:
        unit = params[unit_name(site.name)]
        norm, running = unit["norm"], stats[unit_name(site.name)]["norm"]
        kernel = unit["kernel"]
        if site.kind == "depthwise":
            kernel = kernel.reshape(*kernel.shape[:2], kernel.shape[3], 1)
        weights += [kernel, norm["scale"], norm["bias"], running["mean"], running["var"]]
    weights += [params["logits"]["kernel"], params["logits"]["bias"]]
    return [np.asarray(weight) for weight in weights]


class Results(NamedTuple):
    evaluated: np.ndarray
    trained: np.ndarray
    #: All weights afterwards, the running statistics updated, in Keras's order.
    weights: list[np.ndarray]


def our_results(model, variables, images):
    @jax.jit
    def both(variables):
        trained, updated = model.apply(variables, images, train=True, mutable=["batch_stats"])
        return model.apply(variables, images, train=False), trained, updated["batch_stats"]

    evaluated, trained, stats = both(variables)
    after = {"params": variables["params"], "batch_stats": stats}
    return Results(np.asarray(evaluated), np.asarray(trained), weight_list(model, after))


def both_results(name, random_variables, keras_outputs, dtype):
    settings, make_other, sides = NETWORKS[name]
    model = MobileNetV2(num_classes=CLASSES, param_dtype=dtype, **settings)
    images = np.random.default_rng(3).normal(0, 2, (4, *sides, 3)).astype(dtype)
    variables = jax.tree.map(lambda leaf: leaf.astype(dtype), random_variables(model, images.shape[1:]))
    other = make_other((*sides, 3))
    other.set_weights(weight_list(model, variables))
    theirs = keras_outputs(other, images)
    return our_results(model, variables, images), Results(*theirs, other.get_weights())


@pytest.mark.usefixtures("numpy_initialisers")
@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_running_statistics(name, random_variables, keras_outputs):
    ours, theirs = both_results(name, random_variables, keras_outputs, np.float64)
    assert ours.evaluated.dtype == theirs.evaluated.dtype == np.float64
    np.testing.assert_allclose(ours.evaluated, theirs.evaluated, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(ours.trained, theirs.trained, rtol=0, atol=TOLERANCE)
    for mine, weight in zip(ours.weights, theirs.weights, strict=True):
        assert mine.dtype == weight.dtype == np.float64
        np.testing.assert_allclose(mine, weight, rtol=0, atol=TOLERANCE)


@pytest.mark.usefixtures("numpy_initialisers")
def test_outputs_and_running_statistics_in_float32(random_variables, keras_outputs):
    keras.config.set_floatx("float32")
    ours, theirs = both_results("Keras's own", random_variables, keras_outputs, np.float32)
    pairs = [ours[:2], theirs[:2]], [ours.weights, theirs.weights]
    for mine, other in (pair for two in pairs for pair in zip(*two, strict=True)):
        assert mine.dtype == other.dtype == np.float32
        assert np.abs(mine - other).max() <= FLOAT32_TOLERANCE * np.abs(other).max()


@pytest.mark.parametrize("name", ["he_normal", "glorot_uniform"])
def test_depthwise_kernels_are_drawn_from_kerass_distribution(name):
    draw = depthwise_initializer(kernel_initializer(name, 0.01))
    mine = np.asarray(draw(jax.random.key(1), (3, 3, 1, 4096), jnp.float64))
    other = np.asarray(keras.initializers.get(name)((3, 3, 4096, 1)))
    assert mine.shape == (3, 3, 1, 4096)
    np.testing.assert_allclose(mine.std(), other.std(), rtol=0.02)
    np.testing.assert_allclose(np.abs(mine).max(), np.abs(other).max(), rtol=0.02)
