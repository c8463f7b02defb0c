"""InceptionV3: its sites, its numbers, its shapes, and that it is built and runs like every network."""

import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.architectures.inceptionv3 import INCEPTIONV3_SITES
from bnjax.architectures.inceptionv3_layers import inceptionv3_kernel_shapes
from bnjax.models import InceptionV3, build_model
from bnjax.models.network import unit_name
from bnjax.nn.unit import parameter_count
from bnjax.placement import parse_placement
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config

#: Block -> how many convolutions it has, counted in the text of Keras's network.
CONVOLUTIONS = {
    "stem": 5,
    **dict.fromkeys(["mixed0", "mixed1", "mixed2"], 7),
    "mixed3": 4,
    **dict.fromkeys(["mixed4", "mixed5", "mixed6", "mixed7"], 10),
    "mixed8": 6,
    **dict.fromkeys(["mixed9", "mixed10"], 9),
}
KERNELS, NORMED = 21_751_136, 17_216


def test_sites_are_numbered_in_their_blocks():
    names = [f"{block}/conv{n}" for block, count in CONVOLUTIONS.items() for n in range(1, count + 1)]
    assert [site.name for site in INCEPTIONV3_SITES] == names
    assert len(names) == 94
    assert all(site.kind == "conv" and not site.linear for site in INCEPTIONV3_SITES)


def test_kernels_and_norms_are_as_many_as_in_keras():
    """Keras's summary without its head: 21,768,352 trained numbers, 34,432 others, 21,802,784 in all."""
    shapes = inceptionv3_kernel_shapes()
    assert list(shapes) == [site.name for site in INCEPTIONV3_SITES]
    assert sum(map(math.prod, shapes.values())) == KERNELS
    assert sum(shape[-1] for shape in shapes.values()) == NORMED
    assert (KERNELS + NORMED, 2 * NORMED) == (21_768_352, 34_432)


def test_the_cut_behind_mixed8_is_that_of_the_published_experiment():
    """Its first 249 layers hold 76 of the norms and 10,642,784 numbers in kernels."""
    shapes = inceptionv3_kernel_shapes()
    before = {
        name: shape for name, shape in shapes.items() if name.split("/")[0] not in ("mixed9", "mixed10")
    }
    assert len(before) == 76
    assert sum(map(math.prod, before.values())) == 10_642_784
    assert sum(shape[-1] for shape in before.values()) == 10_688


@pytest.mark.parametrize(
    ("site", "shape"),
    [
        ("stem/conv1", (3, 3, 1, 32)),
        ("mixed0/conv3", (5, 5, 48, 64)),
        ("mixed4/conv3", (1, 7, 128, 128)),
        ("mixed4/conv4", (7, 1, 128, 192)),
        ("mixed8/conv1", (1, 1, 768, 192)),
        ("mixed9/conv1", (1, 1, 1280, 320)),
        ("mixed10/conv4", (3, 1, 384, 384)),
        ("mixed10/conv9", (1, 1, 2048, 192)),
    ],
)
def test_shapes_of_kernels(site, shape):
    assert inceptionv3_kernel_shapes(channels=1)[site] == shape


@cache
def shapes_of(side, **settings):
    """Of the output and of the variables."""
    model = InceptionV3(num_classes=1000, **settings)
    return jax.eval_shape(model.init_with_output, jax.random.key(0), jnp.zeros((1, side, side, 3)))


@pytest.mark.slow
def test_with_norms_everywhere_it_has_kerass_numbers():
    logits, variables = shapes_of(75, placement="all")
    assert logits.shape == (1, 1000)
    params, statistics = variables["params"], variables["batch_stats"]
    kernels = {unit_name(name): shape for name, shape in inceptionv3_kernel_shapes().items()}
    assert {unit: params[unit]["kernel"].shape for unit in kernels} == kernels
    assert all(set(params[unit]) == {"kernel", "norm"} for unit in kernels)
    assert {name for unit in kernels for name in params[unit]["norm"]} == {"bias"}
    assert set(statistics) == set(kernels)
    assert parameter_count(statistics) == 34_432
    assert parameter_count(params) + parameter_count(statistics) == 21_802_784 + 2049 * 1000 == 23_851_784


@pytest.mark.slow
def test_without_norms_and_logits_there_are_kernels_alone_and_features_come_out():
    features, variables = shapes_of(299, include_top=False)
    assert features.shape == (1, 8, 8, 2048)
    assert set(variables) == {"params"}
    assert parameter_count(variables["params"]) == KERNELS


@pytest.mark.parametrize("sides", [(74, 299), (299, 74)])
def test_an_image_that_is_too_small_is_refused(sides):
    with pytest.raises(ValueError, match=r"\(1, \d+, \d+, 3\) have a side below 75 pixels"):
        jax.eval_shape(InceptionV3().init, jax.random.key(0), jnp.zeros((1, *sides, 3)))


@pytest.mark.slow
def test_the_smallest_image_leaves_one_pixel_and_finite_features():
    model = InceptionV3(include_top=False)
    images = np.random.default_rng(0).normal(0, 1, (2, 75, 75, 3)).astype(np.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), images)
    random = np.random.default_rng(1)

    def draw(leaf):
        return random.normal(0, math.sqrt(2 / np.prod(leaf.shape[:-1])), leaf.shape).astype(leaf.dtype)

    features = jax.jit(model.apply)(jax.tree.map(draw, shapes), images)
    assert features.shape == (2, 1, 1, 2048)
    assert np.isfinite(features).all()
    assert (np.asarray(features[0]) != np.asarray(features[1])).any()


def test_it_is_built_from_a_config():
    config = resolve(Config(model="inceptionv3", placement="mixed9,mixed10", order="before", image_size=96))
    model = build_model(config, 2)
    assert isinstance(model, InceptionV3)
    assert model.num_classes == 2
    asked = parse_placement("mixed9:before,mixed10:before", INCEPTIONV3_SITES)
    assert model.parsed_placement == asked
    assert sum(order == "before" for order in asked.orders) == 18
    assert config.images() == ((96, 96, 3), 75, 1)
