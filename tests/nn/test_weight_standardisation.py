"""Standardised kernels and learnt thresholds, in float64 against closed forms and PyTorch's own functions."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads
from small_runs import dataset

from bnjax.models import CNN, ViT, gates_for
from bnjax.nn import Unit
from bnjax.nn.weight_standardisation import EPSILON, standardised_kernel
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.units import UnitSettings

pytestmark = pytest.mark.slow  # it compiles
STANDARDISED = UnitSettings(weight_standardisation=True, activation="elu", kernels="xla")


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def normal(shape, seed=0):
    return np.random.default_rng(seed).normal(0.3, 1.3, shape)


@pytest.mark.parametrize("shape", [(3, 3, 4, 6), (3, 3, 1, 6), (5, 6)])
def test_each_feature_has_mean_0_and_variance_1(shape):
    found = np.asarray(standardised_kernel(jnp.asarray(normal(shape)), "here")).reshape(-1, 6)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(found.var(0), 1, atol=1e-9)
    check_grads(lambda kernel: standardised_kernel(kernel, "here"), (jnp.asarray(normal(shape)),), 1, ["rev"])


def test_one_weight_for_each_feature_is_refused():
    with pytest.raises(ValueError, match="here: weight_standardisation leaves nothing of 1 weight"):
        standardised_kernel(jnp.ones((1, 1, 1, 6)), "here")
    unit = Unit("conv", 4, kernel_size=1, settings=STANDARDISED, name="it")
    with pytest.raises(ValueError, match="Unit 'it': weight_standardisation"):
        unit.init(jax.random.key(0), jnp.ones((2, 3, 3, 1)), train=True)


def test_a_run_of_such_a_network_is_refused_by_a_line():
    """One hidden unit hands on one number."""
    settings = dict(batch_size=16, width=1, hidden_layers=2, weight_standardisation=True)
    with pytest.raises(ConfigError, match=r"^--weight_standardisation: at fc/dense2 a feature has 1 weight"):
        prepare(resolve(Config(model="mlp", **settings)), dataset())


@pytest.mark.parametrize("kind", ["conv", "depthwise", "dense"])
def test_units_and_their_gradients_are_those_of_pytorch(kind):
    """Its batch norm standardises there: a kernel's features are channels, its inputs are the batch."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    functional = torch.nn.functional
    x = normal((4, 6) if kind == "dense" else (2, 7, 5, 6))
    unit = Unit(kind, 6, settings=STANDARDISED, param_dtype=jnp.float64)
    shape = {"dense": (6, 6), "conv": (3, 3, 6, 6), "depthwise": (3, 3, 1, 6)}[kind]
    params = {"kernel": jnp.asarray(normal(shape, 1)), "bias": jnp.asarray(normal((6,), 2))}
    y, pull = jax.vjp(lambda params: unit.apply({"params": params}, jnp.asarray(x), train=True), params)
    dy = normal(y.shape, 3)
    mine = pull(jnp.asarray(dy))[0]

    kernel, bias = (torch.tensor(np.asarray(params[name]), requires_grad=True) for name in ("kernel", "bias"))
    rows = kernel.reshape(-1, 6)
    standard = functional.batch_norm(rows, None, None, training=True, eps=EPSILON).reshape(shape)
    if kind == "dense":
        out = torch.tensor(x) @ standard + bias
    else:
        groups = 6 if kind == "depthwise" else 1
        first = torch.tensor(x).permute(0, 3, 1, 2)
        weights = standard.permute(3, 2, 0, 1)
        out = functional.conv2d(first, weights, bias, padding=1, groups=groups).permute(0, 2, 3, 1)
    functional.elu(out).backward(torch.tensor(dy))
    np.testing.assert_allclose(y, functional.elu(out).detach().numpy(), rtol=0, atol=1e-9)
    for name, theirs in (("kernel", kernel), ("bias", bias)):
        np.testing.assert_allclose(mine[name], theirs.grad.numpy(), rtol=0, atol=1e-9)


def test_a_kernel_counts_by_its_direction_alone_in_every_layer():
    """Of a gated network, and of a transformer's branches: times 3 and plus 1 it computes the same."""
    images = jnp.asarray(normal((3, 8, 8, 3)))
    common = dict(weight_standardisation=True, param_dtype=jnp.float64)
    for model in (
        CNN(gated=True, kernels="xla", **common),
        ViT(vit_depth=1, vit_width=8, vit_heads=2, placement="all", norm="layer", **common),
    ):
        variables = model.init(jax.random.key(0), images)
        if isinstance(model, CNN):
            variables = {**variables, "gates": gates_for(model, "conv")}

        def moved(path, leaf):
            unit, name = (key.key for key in path[-2:])
            moves = name.endswith("kernel") and unit != "logits" and "/".join((unit, name)) not in UNSTANDARD
            return 3 * leaf + 1 if moves else leaf

        params = jax.tree_util.tree_map_with_path(moved, variables["params"])
        for train in (True, False):
            mine, other = (
                model.apply({**variables, "params": each}, images, train=train, mutable=["batch_stats"])[0]
                for each in (variables["params"], params)
            )
            np.testing.assert_allclose(mine, other, rtol=1e-5)  # but for epsilon
            assert float(jnp.abs(mine).max()) > 1e-3


#: What is no unit.
UNSTANDARD = {"patches/kernel"}


def test_a_threshold_is_learnt_and_says_which_units_are_silent():
    """max(x, t) = relu(x - t) + t, so a unit is silent where no input is above its threshold."""
    unit = Unit("dense", 3, settings=UnitSettings(activation="thresholded"), param_dtype=jnp.float64)
    x = jnp.asarray([[1.0], [-2.0]])
    params = {"kernel": jnp.ones((1, 3)), "bias": jnp.zeros(3), "threshold": jnp.asarray([-1.0, 0.5, 1.5])}
    y, kept = unit.apply({"params": params}, x, train=True, mutable=["probes"])
    np.testing.assert_allclose(y, [[1, 1, 1.5], [-1, 0.5, 1.5]])
    seen = unit.apply({"params": params}, x, train=True, mutable=["activation_inputs"])[1]
    np.testing.assert_allclose(seen["activation_inputs"]["x"], [[1, 1, 1], [-2, -2, -2]])
    largest = np.asarray(kept["probes"]["activation_input_max"]).max(0)
    np.testing.assert_allclose(largest, [2, 0.5, -0.5])
    gradient = jax.grad(lambda p: unit.apply({"params": p}, x, train=True).sum())(params)["threshold"]
    np.testing.assert_allclose(gradient, [1, 1, 2])
    assert unit.init(jax.random.key(0), x, train=True)["params"]["threshold"].tolist() == [0, 0, 0]


def test_residual_networks_refuse_a_threshold():
    with pytest.raises(ConfigError, match="--activation=thresholded is not one of"):
        resolve(Config(model="resnet", activation="thresholded"))


def test_a_step_trains_what_is_standardised():
    model = CNN(placement="conv", weight_standardisation=True, param_dtype=jnp.float64)
    images, labels = jnp.asarray(normal((4, 8, 8, 3))), jnp.arange(4)
    variables = model.init(jax.random.key(0), images)

    def loss(params):
        logits, _ = model.apply({**variables, "params": params}, images, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

    gradient = jax.grad(loss)(variables["params"])["block1_conv1"]["kernel"]
    across = jnp.sum(gradient * variables["params"]["block1_conv1"]["kernel"], (0, 1, 2))
    np.testing.assert_allclose(across, 0, atol=1e-9)  # along itself a kernel changes nothing
    assert float(jnp.abs(gradient).max()) > 1e-6
