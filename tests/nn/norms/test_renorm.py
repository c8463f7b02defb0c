"""Batch Renormalization in float64, against its paper's algorithm written out and against BatchNorm."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.nn.norms import BatchNorm, norm_layer
from bnjax.settings.units import NormSettings

pytestmark = pytest.mark.slow  # it compiles

EPSILON, MOMENTUM, FEATURES = 1e-3, 0.9, 4
SHAPES = [(9, FEATURES), (3, 4, 2, FEATURES)]


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def of(**settings):
    chosen = NormSettings(norm="renorm", norm_epsilon=EPSILON, norm_momentum=MOMENTUM, **settings)
    return norm_layer(chosen, param_dtype=jnp.float64)


def batch_of(shape, seed=0):
    random = np.random.default_rng(seed)
    return jnp.asarray(random.normal(1, 1.5, shape) * np.array([0.2, 1.0, 3.0, 9.0]))


def variables_of(mean=0.3, var=1.7):
    params = {"scale": jnp.linspace(0.5, 1.5, FEATURES), "bias": jnp.linspace(-1, 1, FEATURES)}
    return {
        "params": params,
        "batch_stats": {"mean": jnp.full(FEATURES, mean), "var": jnp.full(FEATURES, var)},
    }


def moments(x):
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)


def written_out(x, variables, most_r, most_d):
    """Algorithm 1, with NumPy's own clipping; r and d are constants of the gradient."""
    (mean, var), running = moments(x), variables["batch_stats"]
    deviation, running_deviation = jnp.sqrt(var + EPSILON), jnp.sqrt(running["var"] + EPSILON)
    r = np.clip(np.asarray(deviation / running_deviation), 1 / most_r, most_r)
    d = np.clip(np.asarray((mean - running["mean"]) / running_deviation), -most_d, most_d)
    weights = np.random.default_rng(1).normal(0, 1, x.shape)

    def output(params, x):
        mean, var = moments(x)
        y = (x - mean) / jnp.sqrt(var + EPSILON) * r + d
        return y * params["scale"] + params["bias"]

    y, pull = jax.vjp(output, variables["params"], x)
    return y, pull(weights), weights


def trained(norm, variables, x):
    return norm.apply(variables, x, train=True, mutable=["batch_stats"])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("most_r", "most_d"), [(3.0, 5.0), (1.5, 0.2)])
def test_values_gradients_and_statistics_are_those_of_the_algorithm(shape, most_r, most_d):
    norm, x, variables = of(renorm_r=most_r, renorm_d=most_d), batch_of(shape), variables_of()
    y, gradients, weights = written_out(x, variables, most_r, most_d)
    stats = variables["batch_stats"]
    mine, pull, updated = jax.vjp(
        lambda p, x: trained(norm, {"params": p, "batch_stats": stats}, x),
        variables["params"],
        x,
        has_aux=True,
    )
    np.testing.assert_allclose(mine, y, rtol=0, atol=1e-9)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-9), pull(weights), gradients)
    for name, old, new in zip(("mean", "var"), (0.3, 1.7), moments(x), strict=True):
        expected = MOMENTUM * old + (1 - MOMENTUM) * new
        np.testing.assert_allclose(updated["batch_stats"][name], expected, rtol=1e-12)


def test_inside_its_limits_training_is_evaluation():
    norm, x, variables = of(renorm_r=1e3, renorm_d=1e3), batch_of(SHAPES[1]), variables_of()
    evaluated = norm.apply(variables, x, train=False)
    np.testing.assert_allclose(trained(norm, variables, x)[0], evaluated, rtol=0, atol=1e-9)
    limited = trained(of(), variables, x)[0]
    assert float(jnp.abs(limited - evaluated).max()) > 0.1  # the last feature's deviation is 8 times as large


@pytest.mark.parametrize("group", [0, 3])
def test_with_closed_limits_it_is_a_batch_norm(group):
    x, variables = batch_of((9, FEATURES)), variables_of()
    settings = dict(norm_epsilon=EPSILON, norm_momentum=MOMENTUM, norm_group=group)
    plain = BatchNorm(NormSettings(**settings), param_dtype=jnp.float64)
    closed = of(renorm_r=1.0, renorm_d=0.0, norm_group=group)
    mine, other = trained(closed, variables, x), trained(plain, variables, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-12), mine, other)
    pooled = of(mode="pooled", norm_group=0), BatchNorm(NormSettings(mode="pooled", norm_epsilon=EPSILON))
    counted = {**variables, "batch_stats": {**variables["batch_stats"], "count": jnp.int32(0)}}
    np.testing.assert_allclose(*(trained(norm, counted, x)[0] for norm in pooled), rtol=0, atol=1e-12)


def test_limits_open_over_steps():
    norm, x = of(renorm_r=3.0, renorm_d=5.0, renorm_steps=4), batch_of((9, FEATURES))
    variables = norm.init(jax.random.key(0), x, train=False)
    assert set(variables["batch_stats"]) == {"mean", "var", "count"}
    for step in range(6):
        opened = min(step / 4, 1)
        expected = written_out(x, variables, 1 + 2 * opened, 5 * opened)[0]
        y, updated = trained(norm, variables, x)
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-9)
        variables = {**variables, **updated}
    assert int(variables["batch_stats"]["count"]) == 6
