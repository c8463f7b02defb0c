"""MobileNetV2: its numbers, its shapes, its settings, and the contract of every network in small."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.architectures.mobilenetv2 import MOBILENETV2_SITES
from bnjax.models import MobileNetV2, build_model, gates_for
from bnjax.models.mobilenetv2 import scaled_features
from bnjax.models.network import unit_name
from bnjax.nn.unit import parameter_count
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config

STEM = 9 * 3 * 32
#: Features that go in, times expanded to, features that come out; a block is c x ec + 9 x ec + ec x out.
BLOCKS = [
    (32, 1, 16),
    (16, 6, 24),
    (24, 6, 24),
    (24, 6, 32),
    *[(32, 6, 32)] * 2,
    (32, 6, 64),
    *[(64, 6, 64)] * 3,
    (64, 6, 96),
    *[(96, 6, 96)] * 2,
    (96, 6, 160),
    *[(160, 6, 160)] * 2,
    (160, 6, 320),
]
KERNELS = (
    STEM + sum((c * e * c if e > 1 else 0) + 9 * e * c + e * c * out for c, e, out in BLOCKS) + (320 * 1280)
)
#: Features behind a norm, and so half of its scales and biases.
NORMED = 32 + sum((e * c if e > 1 else 0) + e * c + out for c, e, out in BLOCKS) + 1280
LOGITS = 1280 * 10 + 10

#: All strides but one left out, 8 features nearly everywhere.
SMALL = dict(width_multiplier=0.1, halvings=1)
IMAGES = (6, 4, 4, 3)
PLACEMENTS = ["none", "all:before", "all:after", "depthwise:after,*/project"]


def shapes_of(model, side=32):
    return jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, side, side, 3)))


def test_parameter_counts_are_kerass():
    """Keras's summary of its MobileNetV2 without its head: 2,223,872 trained numbers, 34,112 others."""
    assert (KERNELS + 2 * NORMED, 2 * NORMED) == (2_223_872, 34_112)
    shapes = shapes_of(MobileNetV2(placement="all"))
    assert parameter_count(shapes["params"]) == KERNELS + 2 * NORMED + LOGITS
    assert parameter_count(shapes["batch_stats"]) == 2 * NORMED


def test_without_norms_there_are_kernels_alone_and_biases_are_a_setting():
    shapes = shapes_of(MobileNetV2())
    assert set(shapes) == {"params"}
    assert parameter_count(shapes["params"]) == KERNELS + LOGITS
    with_biases = shapes_of(MobileNetV2(conv_bias=True))
    assert parameter_count(with_biases["params"]) == KERNELS + NORMED + LOGITS


@pytest.mark.parametrize(("width", "total"), [(0.35, 1_691_208), (1.4, 6_156_712)])
def test_parameter_counts_of_other_widths_are_kerass(width, total):
    shapes = shapes_of(MobileNetV2(num_classes=1000, placement="all", width_multiplier=width))
    assert parameter_count(shapes["params"]) + parameter_count(shapes["batch_stats"]) == total


def test_features_are_multiples_of_8_and_not_a_tenth_smaller():
    assert [scaled_features(n, 0.35) for n in (32, 24, 96)] == [16, 8, 32]
    for features in range(1, 400):
        scaled = scaled_features(features, 1.0)
        assert scaled % 8 == 0
        assert scaled >= 0.9 * features


def features_of(model, side):
    """Height of what comes out of each unit."""

    def outputs(images):
        variables = model.init(jax.random.key(0), images)
        return model.apply(variables, images, capture_intermediates=True)[1]["intermediates"]

    shapes = jax.eval_shape(outputs, jnp.zeros((1, side, side, 3)))
    return [shapes[unit_name(site.name)]["__call__"][0].shape[1] for site in model.sites]


@pytest.mark.parametrize(
    ("settings", "side", "heights"),
    [
        ({}, 224, [112, 56, 28, 14, 7]),
        ({}, 97, [49, 24, 12, 6, 3]),  # Keras's own padding keeps a row more
        (dict(stride_padding="same"), 97, [49, 25, 13, 7, 4]),
        (dict(halvings=3), 32, [32, 16, 8, 4]),
        (dict(halvings=0), 4, [4]),
    ],
)
def test_heights_of_the_features(settings, side, heights):
    found = features_of(MobileNetV2(width_multiplier=0.1, **settings), side)
    assert list(dict.fromkeys(found)) == heights


@pytest.mark.parametrize(
    ("settings", "smallest"),
    [({}, 31), (dict(halvings=4), 16), (dict(halvings=3), 8), (dict(stride_padding="same"), 1)],
)
def test_the_smallest_side_leaves_one_pixel(settings, smallest):
    model = MobileNetV2(width_multiplier=0.1, **settings)
    config = Config(model="mobilenetv2", **settings)
    assert config.images().smallest_side == smallest
    assert features_of(model, smallest)[-1] == 1
    if smallest > 1:
        with pytest.raises(ValueError, match=f"a side below {smallest} pixels"):
            features_of(model, smallest - 1)


def test_settings_reach_the_network():
    config = Config(
        model="mobilenetv2",
        width_multiplier=0.5,
        halvings=4,
        stride_padding="same",
        conv_bias=True,
        image_size=48,
    )
    model = build_model(resolve(config), 3)
    assert (model.width_multiplier, model.halvings) == (0.5, 4)
    assert (model.stride_padding, model.conv_bias) == ("same", True)
    assert config.images() == ((48, 48, 3), 1, 1)
    assert Config(model="mlp").images() == ((28, 28, 1), 1, 1)


@pytest.mark.parametrize("text", PLACEMENTS)
def test_contract(text):
    """Norms stand exactly where asked, and units with an activation can be watched."""
    model = MobileNetV2(placement=text, **SMALL)
    images = jax.ShapeDtypeStruct(IMAGES, jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), images)
    asked = {unit_name(s) for s, order in model.parsed_placement.as_dict().items() if order != "absent"}
    assert set(variables.get("batch_stats", {})) == asked
    assert {unit for unit, params in variables["params"].items() if "norm" in params} == asked
    assert not any("bias" in params for unit, params in variables["params"].items() if unit != "logits")
    _, updated = jax.eval_shape(
        partial(model.apply, train=True, mutable=["batch_stats", "probes"]), variables, images
    )
    assert set(updated["probes"]) == {unit_name(s.name) for s in MOBILENETV2_SITES if not s.linear}


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["block3_depthwise", "block16_project"])
def test_kernels_do_not_depend_on_the_placement(unit):
    def kernel(text, seed):
        model = MobileNetV2(placement=text, **SMALL)
        init = jax.jit(lambda key: model.init(key, jnp.zeros(IMAGES))["params"][unit]["kernel"])
        return np.asarray(init(jax.random.key(seed)))

    np.testing.assert_array_equal(kernel("none", 7), kernel("all:after", 7))
    assert (kernel("none", 7) != kernel("none", 8)).any()


def random_like(shapes):
    random = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: random.uniform(0.1, 0.5, leaf.shape).astype(leaf.dtype), shapes)


def part_of(values, shapes):
    """The values that stand where a tree of shapes has some."""
    if not isinstance(shapes, dict):
        return values
    return {name: part_of(values[name], inner) for name, inner in shapes.items()}


@pytest.mark.slow
def test_one_gated_program_serves_every_placement():
    images = jnp.asarray(np.random.default_rng(0).normal(0, 1, IMAGES), jnp.float32)
    gated = MobileNetV2(gated=True, **SMALL)
    shapes = jax.eval_shape(gated.init, jax.random.key(0), images)
    variables = random_like({name: shapes[name] for name in ("params", "batch_stats")})
    both = dict(train=True, mutable=["batch_stats"])
    run = jax.jit(lambda gates: gated.apply({**variables, "gates": gates}, images, **both))
    for text in PLACEMENTS:
        model = MobileNetV2(placement=text, **SMALL)
        own = part_of(variables, dict(jax.eval_shape(model.init, jax.random.key(0), images)))
        expected, stats = jax.jit(lambda own, model=model: model.apply(own, images, **both))(own)
        logits, updated = run(gates_for(model, text))
        np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
        mine = part_of(updated, dict(stats))
        for one, other in zip(jax.tree.leaves(mine), jax.tree.leaves(dict(stats)), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-3 * np.abs(other).max())
    assert run._cache_size() == 1
