"""A norm of images, in front of the first layer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.models import CNN, MLP, VGG7, gates_for
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config

IMAGES = jnp.asarray(np.random.default_rng(0).normal(3, 2, (4, 4, 4, 3)), jnp.float32)
SMALL = dict(hidden_layers=2, width=8)


def logits(model, variables, images=IMAGES):
    return jax.jit(lambda v: model.apply(v, images, train=True, mutable=["batch_stats"]))(variables)


@pytest.mark.parametrize(
    ("network", "code"),
    [(CNN, "iB-crB-crB-drB"), (VGG7, "iB-cBrcBr-cBrcBr-dBrdBr"), (MLP, "iB-dBr")],
)
def test_codes(network, code):
    assert str(network(placement="all", input_site=True).parsed_placement) == code
    assert str(network(placement=code, input_site=True).parsed_placement) == code
    assert str(network(placement="all").parsed_placement) == code.removeprefix("iB-")


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_it_standardises_images(norm):
    """By hand: minus the mean of each channel, by its deviation, over the batch or over each image."""
    axes = (0, 1, 2) if norm == "batch" else (1, 2)
    mean, var = (x(IMAGES, axes, keepdims=True) for x in (jnp.mean, jnp.var))
    plain, own = MLP(**SMALL), MLP(placement="input", norm=norm, input_site=True, **SMALL)
    variables = jax.jit(own.init)(jax.random.key(0), IMAGES)
    without = {"params": {name: of for name, of in variables["params"].items() if name != "input_images"}}
    by_hand, _ = logits(plain, without, (IMAGES - mean) / jnp.sqrt(var + 1e-3))
    found, _ = logits(own, variables)
    np.testing.assert_allclose(found, by_hand, atol=1e-5)


def test_kernels_are_those_of_the_network_without_it():
    plain, own = MLP(**SMALL), MLP(input_site=True, placement="input", **SMALL)
    params = jax.jit(plain.init)(jax.random.key(3), IMAGES)["params"]
    others = jax.jit(own.init)(jax.random.key(3), IMAGES)["params"]
    assert set(others) - set(params) == {"input_images"}
    jax.tree.map(np.testing.assert_array_equal, {name: others[name] for name in params}, params)


@pytest.mark.parametrize("text", ["input", "fc"])
def test_a_gated_network_equals_the_static_one(text):
    gated, static = (MLP(placement=text, input_site=True, gated=on, **SMALL) for on in (True, False))
    fixed, switched = (jax.jit(model.init)(jax.random.key(0), IMAGES) for model in (static, gated))
    assert jax.tree.map(float, switched["gates"]) == jax.tree.map(float, gates_for(gated, text))
    np.testing.assert_allclose(logits(gated, switched)[0], logits(static, fixed)[0], atol=1e-5)


def test_the_network_begins_behind_it():
    model = MLP(placement="all", input_site=True, **SMALL)
    variables = jax.jit(model.init)(jax.random.key(0), IMAGES)
    images = model.clone(ends_with="input").apply(variables, IMAGES)
    behind = model.clone(starts_behind="input").apply(variables, images)
    np.testing.assert_allclose(behind, model.apply(variables, IMAGES), atol=1e-5)


def test_a_config_with_it_is_another_one_and_its_code_says_so():
    config = resolve(Config(placement="input,conv", input_site=True))
    assert config.placement == "iB-crB-crB-dr"
