"""The residual network: its sites, its parameters, its shortcuts, and what flags say of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.architectures.resnet import RESIDUAL_BLOCKS, RESNET_DEPTHS, RESNET_FEATURES, resnet_blocks
from bnjax.models import ResNet, build_model
from bnjax.nn.unit import parameter_count
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError

IMAGES = jnp.asarray(np.random.default_rng(0).normal(0, 1, (4, 8, 8, 3)), jnp.float32)


def published_count(depth, shortcut):
    """By derivation: kernels without biases, a scale and a bias behind each, and ten logits."""
    count, features, last = 9 * 3 * 16 + 2 * 16, RESNET_FEATURES, 16
    for stage in features:
        for _ in range((depth - 2) // 6):
            count += 9 * last * stage + 9 * stage * stage + 2 * 2 * stage
            count += (last * stage + 2 * stage) if last != stage and shortcut == "project" else 0
            last = stage
    return count + 64 * 10 + 10


@pytest.mark.parametrize("depth", RESNET_DEPTHS)
@pytest.mark.parametrize("shortcut", ["pad", "project"])
def test_parameter_counts(depth, shortcut):
    model = ResNet(placement="all", depth=depth, shortcut=shortcut)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    assert parameter_count(shapes["params"]) == published_count(depth, shortcut)


def test_the_published_counts():
    assert (published_count(20, "pad"), published_count(110, "pad")) == (269_722, 1_727_962)


def test_sites_are_named_by_block():
    names = [site.name for site in ResNet(depth=8, shortcut="project").sites]
    assert names == [
        "stem/conv1",
        "block1/conv1",
        "block1/conv2",
        "block2/conv1",
        "block2/conv2",
        "block2/shortcut",
        "block3/conv1",
        "block3/conv2",
        "block3/shortcut",
    ]
    assert str(ResNet(placement="all", depth=8).parsed_placement) == "cBr-cBrcB-cBrcB-cBrcB"


@pytest.mark.parametrize("block", RESIDUAL_BLOCKS)
def test_every_order_of_a_block_has_the_same_parameters(block):
    """Figure 5 of the paper: preactivation moves norms and adds none."""
    model = ResNet(placement="all", residual_block=block)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 32, 32, 3)))
    assert parameter_count(shapes["params"]) == published_count(20, "pad")


@pytest.mark.parametrize(
    ("block", "code"),
    {
        "original": "cBr-cBrcB-cBrcB-cBrcB",
        "norm-after-sum": "cBr-cBrcBr-cBrcBr-cBrcBr",
        "activation-before-sum": "cBr-cBrcBr-cBrcBr-cBrcBr",
        "activation-first": "cBr-cBrcB-cBrcB-cBrcB",
        "preactivation": "cBr-cBrcBr-cBrcBr-cBrcBr",
    }.items(),
)
def test_codes_of_orders(block, code):
    assert str(ResNet(placement="all", depth=8, residual_block=block).parsed_placement) == code


@pytest.mark.parametrize("block", ["activation-first", "preactivation"])
def test_a_network_that_is_cut_in_two_is_the_whole(block):
    model = ResNet(placement="all", depth=8, residual_block=block)
    variables = model.init(jax.random.key(0), IMAGES)
    for name in ("stem", "block1", "block2"):
        features = model.clone(ends_with=name).apply(variables, IMAGES)
        logits = model.clone(starts_behind=name).apply(variables, features)
        np.testing.assert_allclose(logits, model.apply(variables, IMAGES), rtol=1e-5, atol=1e-5)


def test_the_bare_sum_goes_past_a_preactivated_block():
    """With kernels of 0 in the blocks, the stem's outputs reach the last norm and activation as they are."""
    model = ResNet(depth=8, residual_block="preactivation", ends_with="block2")
    params = model.init(jax.random.key(0), IMAGES)["params"]
    empty = {name: {"kernel": jnp.zeros_like(leaves["kernel"])} for name, leaves in params.items()}
    params = {**empty, "stem_conv1": {"kernel": params["stem_conv1"]["kernel"]}}
    stem = model.clone(ends_with="stem").apply({"params": params}, IMAGES)
    negative = model.clone(starts_behind="block1").apply(
        {"params": params}, jnp.concatenate([-stem, stem], -1)
    )
    np.testing.assert_array_equal(negative[..., 8:24], -stem[:, ::2, ::2])
    assert not negative[..., 32:].any()


def test_a_gated_preactivated_network_equals_the_static_one():
    static, gated = (
        ResNet(placement="block1:before,block3:after", depth=8, residual_block="preactivation", gated=on)
        for on in (False, True)
    )
    fixed, switched = (model.init(jax.random.key(0), IMAGES) for model in (static, gated))
    np.testing.assert_allclose(
        gated.apply(switched, IMAGES, train=True, mutable=["batch_stats"])[0],
        static.apply(fixed, IMAGES, train=True, mutable=["batch_stats"])[0],
        atol=1e-5,
    )


def test_a_stage_begins_with_a_stride_of_2():
    assert list(resnet_blocks(14)) == [
        ("block1", 16, 1),
        ("block2", 16, 1),
        ("block3", 32, 2),
        ("block4", 32, 1),
        ("block5", 64, 2),
        ("block6", 64, 1),
    ]


@pytest.mark.parametrize("shortcut", ["pad", "project"])
@pytest.mark.parametrize("placement", ["none", "all:before", "all:after", "block2"])
def test_norms_stand_where_asked_and_all_is_finite(placement, shortcut):
    model = ResNet(placement=placement, depth=8, shortcut=shortcut)
    variables = model.init(jax.random.key(0), IMAGES)
    asked = {
        name.replace("/", "_")
        for name, order in model.parsed_placement.as_dict().items()
        if order != "absent"
    }
    assert set(variables.get("batch_stats", {})) == asked
    logits, _ = model.apply(variables, IMAGES, train=True, mutable=["batch_stats"])
    assert logits.shape == (4, 10)
    assert np.isfinite(logits).all()


def test_a_block_of_zeros_hands_its_images_on():
    """Without norms and with kernels of 0 a block is its shortcut: every second pixel of its images."""
    model = ResNet(depth=8, ends_with="block2")
    variables = model.init(jax.random.key(0), IMAGES)
    empty = {
        name: {"kernel": jnp.zeros_like(leaves["kernel"])} if name.startswith("block") else leaves
        for name, leaves in variables["params"].items()
    }
    stem = ResNet(depth=8, ends_with="stem").apply({"params": variables["params"]}, IMAGES)
    features = model.apply({"params": empty}, IMAGES)
    assert features.shape == (4, 4, 4, 32)
    np.testing.assert_array_equal(features[..., 8:24], stem[:, ::2, ::2])
    assert not features[..., :8].any()
    assert not features[..., 24:].any()


def test_a_config_builds_it():
    config = resolve(Config(model="resnet", placement="all", depth=8, shortcut="project", conv_bias=True))
    model = build_model(config, 10)
    assert (model.depth, model.shortcut, model.conv_bias) == (8, "project", True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (dict(depth=21), "--depth=21 is not one of 8, 14, 20, 32, 44, 56, 110"),
        (
            dict(residual_block="preact"),
            "--residual_block=preact is not one of .*; did you mean preactivation?",
        ),
        (dict(activation="prelu"), "--activation=prelu is not one of relu, leaky_relu, relu6, elu"),
    ],
)
def test_wrong_settings_are_one_line(settings, words):
    with pytest.raises(ConfigError, match=words):
        resolve(Config(model="resnet", **settings))


@pytest.mark.parametrize(
    "settings", [dict(depth=21), dict(activation="prelu"), dict(shortcut="none"), dict(residual_block="e")]
)
def test_wrong_arguments_are_refused(settings):
    with pytest.raises(ValueError, match="ResNet: "):
        ResNet(**settings)
