"""Norms in forward mode, in reverse mode, and twice."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from bnjax.nn.norms import batch_norm, norm_layer
from bnjax.nn.norms.standardised import standardised
from bnjax.norm import NORMS
from bnjax.settings.units import NormSettings

RANDOM = np.random.default_rng(0)
X, SCALE, BIAS = (RANDOM.normal(1, 1, shape) for shape in ((3, 2, 6), (6,), (6,)))
FUNCTIONS = {
    "batch": lambda *a: batch_norm(*a, 1e-2)[0],
    "layer": lambda *a: standardised(*a, 1, 1e-2),
    "groups": lambda *a: standardised(*a, 3, 1e-2),
    "instances": lambda *a: standardised(*a, 6, 1e-2),
    "root mean square": lambda *a: standardised(*a, 1, 1e-2, False),
}


@pytest.fixture(autouse=True)
def wide():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize(
    ("name", "order"), [("batch", 2), ("groups", 2), ("layer", 1), ("instances", 1), ("root mean square", 1)]
)
def test_forward_and_reverse_mode_agree_with_differences(name, order):
    """To second order each over itself and over the other."""
    arguments = tuple(map(jnp.asarray, (X, SCALE, BIAS)))
    check_grads(jax.jit(FUNCTIONS[name]), arguments, order=order, modes=["fwd", "rev"])


def test_statistics_carry_no_tangent():
    arguments = tuple(map(jnp.asarray, (X, SCALE, BIAS)))
    _, (y, mean, var) = jax.jvp(lambda *a: batch_norm(*a, 1e-2), arguments, arguments)
    assert np.abs(y).max() > 0.1
    assert not np.any(mean)
    assert not np.any(var)


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_has_directional_derivatives(norm):
    """Along a direction, forward mode is the gradient's product with it."""
    layer = norm_layer(NormSettings(norm=norm, norm_groups=2), param_dtype=jnp.float64)
    x, direction, weights = map(jnp.asarray, (X, *RANDOM.normal(0, 1, (2, *X.shape))))
    variables = layer.init(jax.random.key(0), x, train=True)

    def loss(x):
        return jnp.vdot(layer.apply(variables, x, train=True, mutable=["batch_stats"])[0], weights)

    _, along = jax.jit(lambda x: jax.jvp(loss, (x,), (direction,)))(x)
    np.testing.assert_allclose(along, jnp.vdot(jax.jit(jax.grad(loss))(x), direction), rtol=1e-9)
