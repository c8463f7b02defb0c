"""What networks, layers and modules say of arguments that do not fit, and how Flax's own tools take them."""

import re
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.models import CNN, MLP, VGG7, InceptionV3, MobileNetV2, ViT
from bnjax.nn import BatchNorm, Unit, average_pool, batch_norm, max_pool
from bnjax.nn.conv import conv2d, depthwise_conv2d
from bnjax.nn.dropout import Dropout
from bnjax.settings.freezing import Freezing
from bnjax.settings.units import NormSettings, UnitSettings

NETWORKS = {CNN: 8, VGG7: 4, MLP: 4, MobileNetV2: 32, InceptionV3: 75, ViT: 8}


def initialised(module, shape, dtype=jnp.float32, **keywords):
    return jax.eval_shape(partial(module.init, **keywords), jax.random.key(0), jnp.zeros(shape, dtype))


WRONG_NETWORKS = {
    "dropout": (dict(dropout=1.5), "dropout=1.5 is outside [0,1)"),
    "slope": (dict(negative_slope=-1.0), "negative_slope=-1.0 is outside [0,1]"),
    "activation": (dict(activation="swish"), "activation=swish is not one of relu, leaky_relu"),
    "initialiser": (dict(kernel_init="zeros"), "kernel_init=zeros is not one of glorot_uniform"),
    "deviation": (dict(init_deviation=0.0), "init_deviation=0.0 is outside (0,inf)"),
    "order": (dict(order="absent"), "order=absent is not one of before, after"),
    "momentum": (dict(norm_momentum=1.01), "norm_momentum=1.01 is outside [0,1]"),
    "epsilon": (dict(norm_epsilon=0.0), "norm_epsilon=0.0 is outside (0,inf)"),
    "no number": (dict(norm_epsilon="small"), "norm_epsilon='small' is not a number"),
    "norm": (dict(norm="bacth"), "norm=bacth is not one of batch, layer"),
    "groups": (dict(norm_groups=0), "norm_groups=0 is outside [1,65536]"),
    "group": (dict(norm_group=-1), "norm_group=-1 is not a whole number from 0 up"),
    "head": (dict(head_width=-1), "head_width=-1 is outside [0,65536]"),
    "classes": (dict(num_classes=0), "num_classes=0 is not a whole number from 1 up"),
    "first block": (dict(starts_behind="stern"), "starts_behind='stern' is not one of "),
    "last block": (dict(ends_with="stern"), "ends_with='stern' is not one of "),
    "placement": (dict(placement=3), "placement=3 is neither a text nor a Placement"),
    "frozen": (
        dict(freezing=Freezing(kernels=frozenset({"stern"}))),
        "freezing names 'stern', which is not one of ",
    ),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("case", WRONG_NETWORKS)
def test_a_networks_wrong_setting_is_told_when_it_is_made(network, case):
    settings, message = WRONG_NETWORKS[case]
    with pytest.raises(ValueError, match=re.escape(f"{network.__name__}: {message}")):
        network(**settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(width=0), "MLP: width=0 is outside [1,65536]"),
        (lambda: MLP(width=2.5), "MLP: width=2.5 is not a whole number"),
        (lambda: MLP(hidden_layers=0), "MLP: hidden_layers=0 is outside [1,1000]"),
        (lambda: MobileNetV2(halvings=6), "MobileNetV2: halvings=6 is outside [0,5]"),
        (lambda: MobileNetV2(width_multiplier=0.0), "MobileNetV2: width_multiplier=0.0 is outside (0,10]"),
        (lambda: MobileNetV2(stride_padding="valid"), "stride_padding=valid is not one of end, same"),
        (lambda: Unit("cnv", 4), "Unit: kind='cnv' is not one of conv, depthwise, dense"),
        (lambda: Unit("conv", 4, "befor"), "Unit: order='befor' is not one of absent, before, after"),
        (lambda: Unit("conv", 0), "Unit: features=0 is not a whole number from 1 up"),
        (lambda: Unit("conv", 4, stride=0), "Unit: stride=0 is not a whole number from 1 up"),
        (lambda: Unit("conv", 4, kernel_size=(1, 0)), "Unit: kernel_size=0 is not a whole number from 1 up"),
        (lambda: Unit("conv", 4, padding="all"), "Unit: padding='all' is not one of same, end, valid"),
        (lambda: Unit("dense", 4, settings=UnitSettings(dropout=1.0)), "Unit: dropout=1.0 is outside [0,1)"),
        (
            lambda: Unit("dense", 4, name="first", settings=UnitSettings(dropout=1.0)),
            "Unit 'first': dropout=1.0 is outside [0,1)",
        ),
        (
            lambda: BatchNorm(NormSettings(norm_momentum=-0.1)),
            "BatchNorm: norm_momentum=-0.1 is outside [0,1]",
        ),
        (lambda: BatchNorm(NormSettings(norm_epsilon=0.0)), "BatchNorm: norm_epsilon=0.0 is outside (0,inf)"),
        (
            lambda: BatchNorm(NormSettings(norm_group=-2)),
            "BatchNorm: norm_group=-2 is not a whole number from 0 up",
        ),
        (
            lambda: BatchNorm(NormSettings(mode="keras2-train", norm_momentum=1.0)),
            "norm_momentum=1.0 leaves mode='keras2-train'",
        ),
        (lambda: Dropout(1.0), "Dropout: rate=1.0 is outside [0,1)"),
        (
            lambda: Freezing(mode="frosen"),
            "mode='frosen' is not one of train, frozen, inference, keras2-train",
        ),
        (lambda: Freezing(frozen_mode="none"), "frozen_mode='none' is not one of train, frozen"),
        (lambda: Freezing(trained="norm"), "trained='norm' is not one of unfrozen, norms, two-weights"),
        (lambda: max_pool(jnp.zeros((1, 1, 4, 2))), "a side below 2 pixels"),
        (lambda: max_pool(jnp.zeros((4, 4, 2))), "max_pool: an input of shape (4, 4, 2); images are [batch"),
        (lambda: max_pool(jnp.zeros((1, 4, 4, 2)), stride=0), "stride=0 is not a whole number from 1 up"),
        (lambda: average_pool(jnp.zeros((1, 4, 4, 2)), 2), "average_pool: window=2 is not odd"),
        (
            lambda: batch_norm(jnp.zeros(4), jnp.ones(4), jnp.zeros(4), 1e-3),
            "(4,), not [batch, ..., features]",
        ),
        (
            lambda: conv2d(jnp.zeros((1, 4, 4, 2)), jnp.zeros((3, 3, 2, 5)), padding="full"),
            "conv2d: padding='full' is not one of same, end, valid",
        ),
        (
            lambda: conv2d(jnp.zeros((1, 2, 4, 4)), jnp.zeros((3, 3, 2, 5))),
            "a kernel of shape (3, 3, 2, 5) for an input of (1, 2, 4, 4); [height, width, 4, features] fits",
        ),
        (
            lambda: depthwise_conv2d(jnp.zeros((1, 2, 4, 4)), jnp.zeros((3, 3, 1, 4)), padding="valid"),
            "depthwise_conv2d: images of shape (1, 2, 4, 4) have a side below 3 pixels",
        ),
    ],
)
def test_a_layers_wrong_argument_is_told_in_a_line(make, message):
    with pytest.raises(ValueError, match=re.escape(message)) as told:
        make()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (CNN, (2, 2, 2, 3), "CNN: images of shape (2, 2, 2, 3) have a side below 4 pixels"),
        (VGG7, (2, 3, 32, 32), "a side below 4 pixels; images are [batch, height, width, channels]"),
        (CNN, (32, 32, 3), "CNN: an input of shape (32, 32, 3); images are [batch, height, width, channels]"),
        (CNN, (0, 32, 32, 3), "CNN: an input of shape (0, 32, 32, 3)"),
        (InceptionV3, (299, 299, 3), "InceptionV3: an input of shape (299, 299, 3); images are"),
        (MobileNetV2, (2, 3, 224, 224), "MobileNetV2: images of shape (2, 3, 224, 224) have a side below 31"),
        (MLP, (784,), "MLP: images of shape (784,) are not [batch, ...]"),
        (partial(Unit, "conv", 4), (8, 8, 3), "Unit: an input of shape (8, 8, 3); images are [batch"),
        (partial(Unit, "dense", 4), (8,), "Unit: an input of shape (8,), not [batch, ..., features]"),
        (partial(Unit, "depthwise", 4), (1, 8, 8, 3), "Unit: features=4 for 3 channels"),
    ],
)
def test_images_of_a_wrong_shape_are_told_in_a_line(network, shape, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        initialised(network(), shape, train=False)


@pytest.mark.parametrize("module", [Unit("dense", 4), BatchNorm()])
def test_whole_numbers_are_refused_where_parameters_would_be_cut_to_them(module):
    with pytest.raises(ValueError, match="an input of int32, not of floating point numbers"):
        initialised(module, (3, 2), jnp.int32, train=False)


@pytest.mark.parametrize(
    ("model", "fits", "given", "message"),
    [
        (
            CNN(),
            (1, 8, 8, 3),
            (1, 8, 8, 1),
            "'block1_conv1': its kernel is (5, 5, 3, 32), and its input needs",
        ),
        (CNN(), (1, 8, 8, 3), (1, 9, 12, 3), "'fc_dense1': its kernel is (256, 1024), and its input needs"),
        (
            MLP(),
            (1, 28, 28),
            (28, 28),
            "'fc_dense1': its kernel is (784, 256), and its input needs one of (28,",
        ),
    ],
)
def test_images_that_do_not_fit_the_parameters_are_told_in_a_line(model, fits, given, message):
    variables = initialised(model, fits)
    with pytest.raises(ValueError, match=re.escape(f"Unit {message}")):
        jax.eval_shape(model.apply, variables, jnp.zeros(given))


@pytest.mark.slow
@pytest.mark.parametrize("network", NETWORKS)
def test_a_table_of_a_network_is_made_without_a_warning(network):
    model, side = network(placement="all", activation="prelu", dropout=0.4, head_width=4), NETWORKS[network]
    images = jnp.zeros((2, side, side, 3))
    table = nn.tabulate(model, jax.random.key(0), console_kwargs=dict(width=200))(images)
    assert model.tabulate(jax.random.key(0), images).strip()
    assert all(site.name.replace("/", "_") in table for site in model.sites)


@pytest.mark.slow
@pytest.mark.parametrize("network", [CNN, VGG7, MLP])
def test_a_networks_outputs_can_be_computed_again_for_gradients(network):
    """As the docstring of networks shows it: ``train`` by its position."""
    side = NETWORKS[network]
    images = jnp.asarray(np.random.default_rng(0).normal(0, 1, (4, side, side, 3)), jnp.float32)
    plain = network(placement="all", dropout=0.4)
    again = nn.remat(network, static_argnums=(2,))(placement="all", dropout=0.4)
    variables = again.init(jax.random.key(0), images, False)
    assert jax.tree.structure(variables) == jax.tree.structure(plain.init(jax.random.key(0), images))

    def gradients(model):
        def loss(params):
            rest = dict(mutable=["batch_stats"], rngs={"dropout": jax.random.key(1)})
            logits, updated = model.apply({**variables, "params": params}, images, True, **rest)
            return jnp.square(logits).sum(), updated

        return jax.jit(jax.grad(loss, has_aux=True))(variables["params"])

    for mine, other in zip(*map(jax.tree.leaves, (gradients(again), gradients(plain))), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_images_of_numpy_are_taken_without_a_warning():
    """They are float64 unless somebody says otherwise, and warnings are errors here."""
    logits, _ = jax.eval_shape(
        lambda: MLP(width=4).init_with_output(jax.random.key(0), np.zeros((1, 4, 4, 1)))
    )
    assert logits.dtype == jnp.float32
