"""Norms that treat each example by itself, in float64 against Flax's own, and by numerical derivatives."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from bnjax.nn.norms import NormShapeError, SingleValueError, norm_layer
from bnjax.norm import NORMS
from bnjax.settings.units import NormSettings

pytestmark = pytest.mark.slow  # it compiles

EPSILON, FEATURES = 1e-5, 6
SHAPES = [(7, FEATURES), (3, 4, 5, FEATURES)]
EXAMPLE_NORMS = [name for name, norm in NORMS.items() if not norm.of_batch]


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def normal(shape, seed=0, mean=0.0):
    return jnp.asarray(np.random.default_rng(seed).normal(mean, 1.3, shape))


def flax_norm(name, rank):
    """Flax's norm of the same name over all axes of an example."""
    examples = dict(reduction_axes=tuple(range(1, rank)), feature_axes=-1)
    shared = dict(epsilon=EPSILON, param_dtype=jnp.float64, use_fast_variance=False)
    return {
        "layer": lambda: nn.LayerNorm(**shared, **examples),
        "group": lambda: nn.GroupNorm(num_groups=3, **shared),
        "instance": lambda: nn.InstanceNorm(**shared),
        "rms": lambda: nn.RMSNorm(**shared, **examples),
    }[name]()


def ours_of(name, **settings):
    norm = NormSettings(norm=name, norm_epsilon=EPSILON, norm_groups=3, **settings)
    return norm_layer(norm, param_dtype=jnp.float64)


def params_of(name):
    params = {"scale": normal((FEATURES,), 1, 1.0), "bias": normal((FEATURES,), 2)}
    return {"scale": params["scale"]} if name == "rms" else params


def value_and_gradients(apply, params, x):
    y, pull = jax.vjp(apply, params, x)
    return y, pull(normal(y.shape, 5))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["layer", "group", "instance", "rms"])
def test_values_and_gradients_are_flaxs(name, shape):
    if name == "instance" and len(shape) == 2:
        pytest.skip("one value for each statistic")
    ours, theirs, x = ours_of(name), flax_norm(name, len(shape)), normal(shape, 3, 2.0)
    params = params_of(name)
    mine = value_and_gradients(lambda p, x: ours.apply({"params": p}, x, train=True), params, x)
    other = value_and_gradients(lambda p, x: theirs.apply({"params": p}, x), params, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-9), mine, other)
    assert float(jnp.abs(mine[1][1]).max()) > 1e-3


def test_a_filter_response_is_over_its_own_root_mean_square():
    """Singh and Krishnan 2020, section 3.1: y = scale x / sqrt(nu^2 + epsilon) + bias."""
    x, params = np.asarray(normal((3, 4, 5, FEATURES), 3, 2.0)), params_of("filter-response")
    y = ours_of("filter-response").apply({"params": params}, jnp.asarray(x), train=True)
    squares = np.einsum("bhwc,bhwc->bc", x, x)[:, None, None] / 20
    np.testing.assert_allclose(
        y, params["scale"] * x / np.sqrt(squares + EPSILON) + params["bias"], atol=1e-12
    )
    with pytest.raises(SingleValueError, match="maps of 2 pixels or more"):
        ours_of("filter-response").apply({"params": params}, normal((7, FEATURES)), train=True)


def test_scale_alone_multiplies_and_adds():
    x, params = normal((3, 2, 2, FEATURES)), params_of("scale")
    y = ours_of("scale").apply({"params": params}, x, train=True)
    np.testing.assert_array_equal(y, x * params["scale"] + params["bias"])


@pytest.mark.parametrize("name", EXAMPLE_NORMS)
def test_gradients_to_second_order_are_numerically_right(name):
    norm, x = ours_of(name), normal((2, 2, 3, FEATURES), 4, 1.0)
    apply = lambda p, x: norm.apply({"params": p}, x, train=True)  # noqa: E731
    check_grads(apply, (params_of(name), x), order=2, modes=["rev"])


@pytest.mark.parametrize("name", EXAMPLE_NORMS)
def test_evaluation_is_as_training_and_keeps_nothing(name):
    norm, x = ours_of(name), normal((4, 3, 3, FEATURES), mean=3.0)
    variables = norm.init(jax.random.key(0), x, train=True)
    assert set(variables) == {"params"}
    trained, updated = norm.apply(variables, x, train=True, mutable=["batch_stats"])
    assert not updated
    np.testing.assert_array_equal(trained, norm.apply(variables, x, train=False))


@pytest.mark.parametrize("name", EXAMPLE_NORMS)
def test_an_example_does_not_see_its_batch(name):
    norm, x = ours_of(name), normal((4, 3, 3, FEATURES))
    params = {"params": params_of(name)}
    alone = norm.apply(params, x[:1], train=True)
    np.testing.assert_allclose(norm.apply(params, x, train=True)[:1], alone, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", EXAMPLE_NORMS)
def test_without_a_scale_it_is_1(name):
    x = normal((4, 3, 3, FEATURES))
    plain, scaled = ours_of(name, norm_scale=False), ours_of(name)
    params = {key: value for key, value in params_of(name).items() if key != "scale"}
    mine = plain.apply({"params": params}, x, train=True)
    other = scaled.apply({"params": {**params, "scale": jnp.ones(FEATURES)}}, x, train=True)
    np.testing.assert_array_equal(mine, other)
    assert "scale" not in plain.init(jax.random.key(0), x, train=True).get("params", {})


@pytest.mark.parametrize("name", EXAMPLE_NORMS)
def test_bfloat16_is_computed_in_float32(name):
    x = normal((4, 16, 16, FEATURES), mean=20.0).astype(jnp.bfloat16)
    norm = norm_layer(NormSettings(norm=name, norm_epsilon=EPSILON, norm_groups=3))
    variables = norm.init(jax.random.key(0), x, train=True)
    y = norm.apply(variables, x, train=True)
    assert y.dtype == jnp.bfloat16
    exact = norm.apply(variables, x.astype(jnp.float32), train=True)
    np.testing.assert_array_equal(y, exact.astype(jnp.bfloat16))


@pytest.mark.parametrize(
    ("name", "shape"), [("instance", (4, 3)), ("instance", (4, 1, 1, 3)), ("group", (4, 3)), ("rms", (4, 1))]
)
def test_statistics_of_a_single_value_are_refused_unless_gates_may_switch_the_norm_off(name, shape):
    x, settings = jnp.ones(shape), NormSettings(norm=name, norm_groups=3)
    with pytest.raises(SingleValueError, match="each statistic is of 1 value"):
        norm_layer(settings).init(jax.random.key(0), x, train=True)
    gated = norm_layer(settings, gated=True)
    assert bool(jnp.isfinite(gated.init_with_output(jax.random.key(0), x, train=True)[0]).all())


def test_channels_that_do_not_divide_into_groups_are_refused_with_a_number_that_does():
    x = jnp.ones((2, 4, 4, 24))
    with pytest.raises(NormShapeError, match="24 channels cannot be cut into norm_groups=32; norm_groups=8 "):
        norm_layer(NormSettings(norm="group")).init(jax.random.key(0), x, train=True)
    norm_layer(NormSettings(norm="group"), gated=True).init(jax.random.key(0), x, train=True)
