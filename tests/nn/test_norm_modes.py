"""What norms do in training, by mode, against closed forms in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.models import CNN, MLP, VGG7, MobileNetV2
from bnjax.models.network import unit_name
from bnjax.nn import BatchNorm
from bnjax.nn.norms import MODES
from bnjax.settings.freezing import NORM_MODES, Freezing
from bnjax.settings.units import NormSettings

pytestmark = pytest.mark.slow  # it compiles

MOMENTUM, EPSILON = 0.9, 1e-3
SHAPES = [(7, 5), (3, 4, 6, 5)]


def batch_norm_layer(mode):
    settings = NormSettings(norm_momentum=MOMENTUM, norm_epsilon=EPSILON, mode=mode)
    return BatchNorm(settings, param_dtype=jnp.float64)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def batches(shape, count=3):
    random = np.random.default_rng(1)
    return [random.normal(2, 3, shape) + random.normal(0, 2, shape[-1]) for _ in range(count)]


def variables_of(norm, x):
    """Statistics as if they had been loaded."""
    variables = norm.init(jax.random.key(0), jnp.asarray(x), train=True)
    stats = {**variables["batch_stats"], "mean": jnp.full(5, 3.0), "var": jnp.full(5, 4.0)}
    params = {"scale": jnp.linspace(0.5, 1.5, 5), "bias": jnp.linspace(-1, 1, 5)}
    return {"params": params, "batch_stats": stats}


def trained(mode, shape, count=3):
    """The statistics after some batches, and the batches."""
    norm = batch_norm_layer(mode)
    seen = batches(shape, count)
    variables = variables_of(norm, seen[0])
    for x in seen:
        _, updated = norm.apply(variables, jnp.asarray(x), train=True, mutable=["batch_stats"])
        variables = {**variables, **updated}
    return variables["batch_stats"], seen


def moments(x):
    axes = tuple(range(x.ndim - 1))
    return x.mean(axes), x.var(axes)


def normalised(x, mean, var, params):
    return (x - mean) / np.sqrt(var + EPSILON) * params["scale"] + params["bias"]


def test_every_mode_of_the_flag_is_one_of_norms():
    assert {*NORM_MODES, "pooled"} == MODES.keys()


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="norm mode 'frosen' is not one of train, frozen"):
        trained("frosen", (7, 5))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", MODES)
def test_outputs_in_training_are_by_the_batch_but_for_inference(mode, shape):
    norm = batch_norm_layer(mode)
    x = batches(shape)[0]
    variables = variables_of(norm, x)
    y, _ = norm.apply(variables, jnp.asarray(x), train=True, mutable=["batch_stats"])
    mean, var = (3.0, 4.0) if mode == "inference" else moments(x)
    np.testing.assert_allclose(y, normalised(x, mean, var, variables["params"]), atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_outputs_in_evaluation_are_by_the_running_statistics(mode):
    norm = batch_norm_layer(mode)
    x = batches((7, 5))[0]
    variables = variables_of(norm, x)
    y = norm.apply(variables, jnp.asarray(x), train=False)
    np.testing.assert_allclose(y, normalised(x, 3.0, 4.0, variables["params"]), atol=1e-12)


@pytest.mark.parametrize(("mode", "through_the_batch"), [("frozen", True), ("inference", False)])
def test_gradients_go_through_the_statistics_of_the_batch_alone(mode, through_the_batch):
    """Of a weighted sum of outputs by the input; running statistics are constants."""
    norm = batch_norm_layer(mode)
    x, weights = batches((7, 5), 2)
    variables = variables_of(norm, x)

    def ours(x):
        return jnp.sum(weights * norm.apply(variables, x, train=True, mutable=["batch_stats"])[0])

    def theirs(x):
        mean, var = (x.mean(0), x.var(0)) if through_the_batch else (3.0, 4.0)
        scale, bias = variables["params"]["scale"], variables["params"]["bias"]
        return jnp.sum(weights * ((x - mean) / jnp.sqrt(var + EPSILON) * scale + bias))

    np.testing.assert_allclose(jax.grad(ours)(x), jax.grad(theirs)(jnp.asarray(x)), atol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["frozen", "inference"])
def test_what_is_frozen_keeps_its_statistics(mode, shape):
    stats, _ = trained(mode, shape)
    np.testing.assert_array_equal(stats["mean"], 3.0)
    np.testing.assert_array_equal(stats["var"], 4.0)


@pytest.mark.parametrize("shape", SHAPES)
def test_training_moves_statistics_by_the_momentum(shape):
    stats, seen = trained("train", shape)
    mean, var = 3.0, 4.0
    for x in seen:
        mean = MOMENTUM * mean + (1 - MOMENTUM) * moments(x)[0]
        var = MOMENTUM * var + (1 - MOMENTUM) * moments(x)[1]
    np.testing.assert_allclose(stats["mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(stats["var"], var, rtol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_keras2_starts_its_averages_anew_and_corrects_its_variance_twice(shape, count):
    """The moving averages of TensorFlow 1 with zero_debias, as sums that start at 0."""
    stats, seen = trained("keras2-train", shape, count)
    n = np.prod(shape[:-1])
    correction = n / (n - 1 - EPSILON) * (n / (n - 1) if len(shape) == 4 else 1)
    mean = var = 0.0
    for x in seen:
        mean = MOMENTUM * mean + (1 - MOMENTUM) * moments(x)[0]
        var = MOMENTUM * var + (1 - MOMENTUM) * moments(x)[1] * correction
    weight = 1 - MOMENTUM**count
    np.testing.assert_allclose(stats["mean"], mean / weight, rtol=1e-12)
    np.testing.assert_allclose(stats["var"], var / weight, rtol=1e-12)
    if count == 1:
        np.testing.assert_allclose(stats["mean"], moments(seen[0])[0], rtol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_pooled_statistics_are_those_of_all_examples_together(shape):
    stats, seen = trained("pooled", shape, 4)
    mean, var = moments(np.concatenate(seen))
    np.testing.assert_allclose(stats["mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(stats["var"], var, rtol=1e-12)


def test_pooled_statistics_count_examples_where_batches_differ_in_size():
    norm, random = BatchNorm(NormSettings(mode="pooled")), np.random.default_rng(0)
    batches = [random.normal(3, 2, (size, 2, 2, 3)).astype(np.float32) for size in (48, 48, 32, 1)]
    variables = norm.init(jax.random.key(0), batches[0], train=False)
    for x in batches:
        _, updated = norm.apply(variables, x, train=True, mutable=["batch_stats"])
        variables = {**variables, **updated}
    mean, var = moments(np.concatenate(batches).astype(np.float64))
    np.testing.assert_allclose(variables["batch_stats"]["mean"], mean, rtol=1e-6)
    np.testing.assert_allclose(variables["batch_stats"]["var"], var, rtol=1e-6)


NETWORKS = {
    "cnn": (CNN(placement="all"), (4, 8, 8, 3), "block1/conv1"),
    "vgg7": (VGG7(placement="all"), (4, 4, 4, 3), "block1/conv2"),
    "mlp": (MLP(hidden_layers=2, width=8, placement="all"), (4, 4, 4, 1), "fc/dense1"),
    "gated": (CNN(placement="all:after", gated=True), (4, 8, 8, 3), "block2/conv1"),
    "mobilenetv2": (
        MobileNetV2(placement="all", width_multiplier=0.1, halvings=0),
        (2, 4, 4, 3),
        "block3/expand",
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_frozen_part_has_its_mode_and_the_rest_another(name):
    model, shape, site = NETWORKS[name]
    model = model.clone(freezing=Freezing(norms=frozenset({site}), frozen_mode="inference"))
    x = np.random.default_rng(0).normal(1, 2, shape)
    variables = jax.jit(model.init)(jax.random.key(0), x)
    variables.pop("probes", None)
    _, updated = jax.jit(lambda v: model.apply(v, x, train=True, mutable=["batch_stats"]))(variables)
    for unit, stats in updated["batch_stats"].items():
        moved = np.abs(stats["norm"]["mean"]).max() > 0
        assert moved == (unit != unit_name(site)), unit
