"""The CNN against the same network written in Keras (JAX backend): semantics and trajectory."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import pytest
from keras import layers

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models.network import unit_name
from bnjax.settings.config import Config
from bnjax.settings.freezing import Freezing
from bnjax.train.optimizer import make_optimizer
from bnjax.train.partition import split
from bnjax.train.state import TrainState
from bnjax.train.steps.step import make_train_step

# Keras's own get_weights with NumPy 2.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("keras_float64"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

TOLERANCE = 1e-9
SCALING = InputScaling((120.0, 121.0, 122.0), (60.0, 61.0, 62.0))
#: A power of two: Keras keeps the learning rate in float32, and this one is exact there.
LEARNING_RATE = 2.0**-10


def keras_cnn(model):
    """The network of the published experiment in Keras's own layers, with the model's placement."""
    orders = model.parsed_placement

    def unit(x, layer, site):
        x = layer(x)
        if orders[site] == "before":
            x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3)(x)
        x = layers.Activation("relu")(x)
        if orders[site] == "after":
            x = layers.BatchNormalization(momentum=0.99, epsilon=1e-3)(x)
        return x

    images = x = keras.Input((12, 12, 3))
    x = layers.MaxPooling2D()(unit(x, layers.Conv2D(32, 5, padding="same"), "block1/conv1"))
    x = layers.MaxPooling2D()(unit(x, layers.Conv2D(64, 5, padding="same"), "block2/conv1"))
    x = unit(layers.Flatten()(x), layers.Dense(1024), "fc/dense1")
    return keras.Model(images, layers.Dense(10)(x))


def weight_list(model, variables):
    """Our variables in the order of Keras's ``get_weights``."""
    params, stats = variables["params"], variables["batch_stats"]
    weights = []
    for name in [unit_name(site.name) for site in model.sites] + ["logits"]:
        weights += [params[name]["kernel"], params[name]["bias"]]
        if "norm" in params[name]:
            norm, running = params[name]["norm"], stats[name]["norm"]
            weights += [norm["scale"], norm["bias"], running["mean"], running["var"]]
    return [np.asarray(weight) for weight in weights]


@pytest.fixture
def pair(model, variables):
    other = keras_cnn(model)
    other.set_weights(weight_list(model, variables))
    return model, variables, other


def scaled(images):
    return (images.astype(np.float64) - SCALING.mean) / SCALING.deviation


def test_outputs_in_evaluation_mode(pair, batch):
    model, variables, other = pair
    ours = model.apply(variables, scaled(batch[0]), train=False)
    theirs = np.asarray(other(scaled(batch[0]), training=False))
    assert ours.dtype == theirs.dtype == np.float64
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


def test_outputs_and_running_statistics_in_training_mode(pair, batch):
    model, variables, other = pair
    ours, updated = model.apply(variables, scaled(batch[0]), train=True, mutable=["batch_stats"])
    theirs = np.asarray(other(scaled(batch[0]), training=True))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)
    after = {"params": variables["params"], "batch_stats": updated.get("batch_stats", {})}
    for mine, weight in zip(weight_list(model, after), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, weight, rtol=0, atol=TOLERANCE)


def _train_ours(model, variables, batch, config, steps=20):
    optimizer = make_optimizer(config)
    params = jax.tree.map(jnp.asarray, variables["params"])
    stats = jax.tree.map(jnp.asarray, variables["batch_stats"])
    state = TrainState(
        params, stats, optimizer.init(split(params, model)[0]), jnp.int32(0), jax.random.key(0)
    )
    step = make_train_step(model, optimizer, SCALING)
    whole = Batch(*batch, np.ones(len(batch[1]), np.float32))
    losses = []
    for _ in range(steps):
        state, sums = step(state, whole)
        losses.append(float(sums.loss / sums.images))
    return losses, {"params": state.params, "batch_stats": state.batch_stats}


def _train_theirs(other, batch, optimizer, steps=20):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    other.compile(optimizer=optimizer, loss=loss)
    # The metric that train_on_batch returns is a running mean, kept in float32.
    for _ in range(steps):
        other.train_on_batch(scaled(batch[0]), batch[1])


def test_twenty_adam_steps(pair, batch):
    epsilon = 1e-8
    model, variables, other = pair
    config = Config(learning_rate=LEARNING_RATE, adam_epsilon=epsilon)
    losses, ours = _train_ours(model, variables, batch, config)
    _train_theirs(other, batch, keras.optimizers.Adam(LEARNING_RATE, epsilon=epsilon))
    assert losses[-1] < losses[0] / 2
    for mine, theirs in zip(weight_list(model, ours), other.get_weights(), strict=True):
        assert mine.dtype == theirs.dtype == np.float64
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("placement", ["all:after"], indirect=True)
def test_the_paper_form_of_adam_is_told_apart(pair, batch):
    """The comparison above can fail: epsilon after the bias correction ends elsewhere."""
    model, variables, other = pair
    config = Config(learning_rate=LEARNING_RATE, adam_form="paper", adam_epsilon=1e-7)
    _, ours = _train_ours(model, variables, batch, config)
    _train_theirs(other, batch, keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-7))
    gaps = [
        np.abs(mine - theirs).max()
        for mine, theirs in zip(weight_list(model, ours), other.get_weights(), strict=True)
    ]
    assert max(gaps) > 1000 * TOLERANCE


@pytest.mark.parametrize("placement", ["all:before", "all:after"], indirect=True)
def test_twenty_sgd_steps(pair, batch):
    momentum = 0.9
    model, variables, other = pair
    config = Config(optimizer="sgd", learning_rate=2.0**-6, momentum=momentum)
    _, ours = _train_ours(model, variables, batch, config)
    _train_theirs(other, batch, keras.optimizers.SGD(2.0**-6, momentum=momentum))
    for mine, theirs in zip(weight_list(model, ours), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("placement", ["all:before", "all:after"], indirect=True)
def test_twenty_steps_with_a_frozen_block(pair, batch):
    """A norm that is not trainable in Keras 3 is one in inference mode here."""
    model, variables, other = pair
    frozen = frozenset({"block1/conv1"})
    model = model.clone(freezing=Freezing(frozen, frozen, frozen_mode="inference"))
    for layer in other.layers[:4]:  # images, convolution, norm, activation
        layer.trainable = False
    config = Config(optimizer="sgd", learning_rate=2.0**-6, momentum=0.9)
    _, ours = _train_ours(model, variables, batch, config)
    _train_theirs(other, batch, keras.optimizers.SGD(2.0**-6, momentum=0.9))
    for mine, theirs in zip(weight_list(model, ours), other.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(
        ours["params"]["block1_conv1"]["kernel"], variables["params"]["block1_conv1"]["kernel"]
    )


@pytest.mark.parametrize(
    ("ours", "theirs"), [("glorot_uniform", "glorot_uniform"), ("he_normal", "he_normal")]
)
@pytest.mark.parametrize("shape", [(5, 5, 32, 64), (4096, 256)])
def test_initialisers_draw_from_the_same_distribution(ours, theirs, shape):
    from bnjax.nn.initializers import kernel_initializer

    mine = np.asarray(kernel_initializer(ours, 0.01)(jax.random.key(1), shape, jnp.float64)).ravel()
    other = np.asarray(keras.initializers.get(theirs)(shape)).ravel()
    assert abs(mine.mean()) < 5 * mine.std() / np.sqrt(mine.size)
    np.testing.assert_allclose(mine.std(), other.std(), rtol=0.01)
    np.testing.assert_allclose(np.abs(mine).max(), np.abs(other).max(), rtol=0.02)


def test_optax_cross_entropy_is_kerass():
    logits, labels = np.random.default_rng(0).normal(0, 9, (32, 10)), np.arange(32) % 10
    ours = optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(logits), jnp.asarray(labels)).mean()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    np.testing.assert_allclose(ours, loss(labels, logits), rtol=1e-12)
