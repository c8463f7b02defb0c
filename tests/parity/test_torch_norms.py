"""Norms of single examples against PyTorch's own, where that is installed: values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.nn.norms import norm_layer
from bnjax.settings.units import NormSettings

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

pytestmark = pytest.mark.slow

EPSILON, GROUPS, FEATURES = 1e-5, 3, 6


def torch_norm(name, x, scale, bias):
    """PyTorch has channels first; its own layer and RMS norms take a whole example, without parameters."""
    functional = torch.nn.functional
    affine = (slice(None), *[None] * (x.ndim - 2))
    if name == "layer":
        return functional.layer_norm(x, x.shape[1:], eps=EPSILON) * scale[affine] + bias[affine]
    if name == "rms":
        return functional.rms_norm(x, x.shape[1:], eps=EPSILON) * scale[affine]
    if name == "group":
        return functional.group_norm(x, GROUPS, scale, bias, EPSILON)
    return functional.instance_norm(x, weight=scale, bias=bias, eps=EPSILON)


@pytest.mark.parametrize("shape", [(5, FEATURES), (3, 4, 5, FEATURES)])
@pytest.mark.parametrize("name", ["layer", "group", "instance", "rms"])
def test_values_and_gradients_are_pytorchs(name, shape):
    if name == "instance" and len(shape) == 2:
        pytest.skip("one value for each statistic")
    random = np.random.default_rng(0)
    x, dy = random.normal(2, 1.3, shape), random.normal(0, 1, shape)
    scale, bias = random.normal(1, 0.5, FEATURES), random.normal(0, 0.5, FEATURES)
    norm = norm_layer(
        NormSettings(norm=name, norm_epsilon=EPSILON, norm_groups=GROUPS), param_dtype=jnp.float64
    )
    params = {"scale": scale} if name == "rms" else {"scale": scale, "bias": bias}
    y, pull = jax.vjp(lambda p, x: norm.apply({"params": p}, x, train=True), params, jnp.asarray(x))
    gradients, dx = pull(jnp.asarray(dy))

    theirs = [torch.tensor(a, requires_grad=True) for a in (np.moveaxis(x, -1, 1), scale, bias)]
    out = torch_norm(name, *theirs)
    out.backward(torch.tensor(np.moveaxis(dy, -1, 1)))
    pairs = [
        (y, np.moveaxis(out.detach().numpy(), 1, -1)),
        (dx, np.moveaxis(theirs[0].grad.numpy(), 1, -1)),
        (gradients["scale"], theirs[1].grad.numpy()),
    ]
    if name != "rms":
        pairs.append((gradients["bias"], theirs[2].grad.numpy()))
    for mine, other in pairs:
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-9)
