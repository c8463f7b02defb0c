"""One contract for every network and placement, and how many parameters each has, with the sum."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bnjax.architectures import ARCHITECTURES
from bnjax.models import CNN, MLP, VGG7, build_model, gates_for
from bnjax.models.build import network_class
from bnjax.models.network import unit_name
from bnjax.nn.unit import parameter_count
from bnjax.placement import PlacementError, parse_placement
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config

#: Models by a short name, with images small enough to be quick.
NETWORKS = {
    "cnn": (CNN, (4, 8, 8, 3)),
    "vgg7": (VGG7, (4, 4, 4, 3)),
    "mlp": (lambda **settings: MLP(hidden_layers=3, width=16, **settings), (4, 4, 4, 1)),
}
PLACEMENTS = ["none", "all:before", "all:after", "fc:before", "fc/dense1:after"]

CNN_PLAIN = (5 * 5 * 3 * 32 + 32) + (5 * 5 * 32 * 64 + 64) + (8 * 8 * 64 * 1024 + 1024) + (1024 * 10 + 10)
VGG7_PLAIN = (
    (9 * 3 * 64 + 64)
    + (9 * 64 * 64 + 64)
    + (9 * 64 * 128 + 128)
    + (9 * 128 * 128 + 128)
    + (128 * 1024 + 1024)
    + (1024 * 512 + 512)
    + (512 * 10 + 10)
)
MLP_PLAIN = (28 * 28 * 256 + 256) + (256 * 10 + 10)
#: A norm adds a scale and a bias for each of its unit's features.
PARAMETER_COUNTS = {
    ("cnn", "none"): CNN_PLAIN,  # 4,259,274
    ("cnn", "conv"): CNN_PLAIN + 2 * (32 + 64),
    ("cnn", "dense"): CNN_PLAIN + 2 * 1024,
    ("cnn", "conv,dense"): CNN_PLAIN + 2 * (32 + 64 + 1024),
    ("vgg7", "none"): VGG7_PLAIN,  # 922,186
    ("vgg7", "cBrcr-crcr-drdBr"): VGG7_PLAIN + 2 * (64 + 512),
    ("vgg7", "all"): VGG7_PLAIN + 2 * (64 + 64 + 128 + 128 + 1024 + 512),
    ("mlp", "none"): MLP_PLAIN,  # 203,530
    ("mlp", "all"): MLP_PLAIN + 2 * 256,
}


def test_known_sums():
    assert (CNN_PLAIN, VGG7_PLAIN, MLP_PLAIN) == (4_259_274, 922_186, 203_530)


@pytest.mark.parametrize(("name", "placement"), PARAMETER_COUNTS)
@pytest.mark.parametrize("order", ["before", "after"])
def test_parameter_counts(name, placement, order):
    network = network_class(name)
    model = network(placement=placement, order=order)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *ARCHITECTURES[name].images.shape)))
    assert parameter_count(shapes["params"]) == PARAMETER_COUNTS[name, placement]


def test_an_mlp_has_as_many_layers_as_asked():
    model = MLP(hidden_layers=4, width=8)
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 5)))["params"]
    assert parameter_count(params) == (5 * 8 + 8) + 3 * (8 * 8 + 8) + (8 * 10 + 10)


def images_of(name):
    shape = NETWORKS[name][1]
    return jnp.asarray(np.random.default_rng(0).normal(0, 1, shape), jnp.float32)


def loss_and_updates(model, variables, images):
    def loss(params):
        logits, updated = model.apply(
            {**variables, "params": params},
            images,
            train=True,
            mutable=["batch_stats"],
            rngs={"dropout": jax.random.key(1)},
        )
        labels = jnp.arange(len(images)) % 10
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), (logits, updated)

    return jax.value_and_grad(loss, has_aux=True)(variables["params"])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_contract(name, placement):
    """Norms stand exactly where asked; logits, gradients and statistics are finite and keep their dtype."""
    model, images = NETWORKS[name][0](placement=placement, dropout=0.3), images_of(name)
    variables = model.init(jax.random.key(0), images)
    assert set(variables) <= {"params", "batch_stats"}
    asked = {unit_name(s) for s, order in model.parsed_placement.as_dict().items() if order != "absent"}
    assert set(variables.get("batch_stats", {})) == asked
    assert {unit for unit, params in variables["params"].items() if "norm" in params} == asked
    units = {unit_name(site.name) for site in model.sites}
    assert set(variables["params"]) == units | {"logits"}

    (loss, (logits, updated)), gradients = loss_and_updates(model, variables, images)
    assert logits.shape == (len(images), 10)
    leaves = jax.tree.leaves((loss, logits, updated, gradients))
    assert all(leaf.dtype == jnp.float32 and np.isfinite(leaf).all() for leaf in leaves)
    before, after = variables.get("batch_stats", {}), updated.get("batch_stats", {})
    assert jax.tree.structure(before) == jax.tree.structure(after)
    assert all(map(np.any, jax.tree.leaves(jax.tree.map(np.not_equal, before, after))))


@pytest.mark.parametrize("name", NETWORKS)
def test_moving_a_norm_keeps_every_other_initial_number(name):
    images, key = images_of(name), jax.random.key(7)
    plain = NETWORKS[name][0]().init(key, images)["params"]
    for placement in PLACEMENTS:
        params = NETWORKS[name][0](placement=placement).init(key, images)["params"]
        for unit, values in plain.items():
            np.testing.assert_array_equal(params[unit]["kernel"], values["kernel"])
            np.testing.assert_array_equal(params[unit]["bias"], values["bias"])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_one_gated_program_trains_every_placement(name):
    with jax.enable_x64(True):  # in float32 rounding differs from one processor to another
        assert_gates_train_every_placement(name)


def assert_gates_train_every_placement(name):
    images, traces = images_of(name).astype(jnp.float64), []
    model = NETWORKS[name][0](gated=True, param_dtype=jnp.float64)
    variables = model.init(jax.random.key(0), images)

    @jax.jit
    def run(variables):
        traces.append(1)
        return loss_and_updates(model, variables, images)

    for text in PLACEMENTS:
        placement = parse_placement(text, model.sites)
        (loss, (_, updated)), gradients = run({**variables, "gates": gates_for(model, placement)})
        static = NETWORKS[name][0](placement=placement, param_dtype=jnp.float64)
        fixed = static.init(jax.random.key(0), images)
        (plain_loss, (_, plain_updated)), plain_gradients = loss_and_updates(static, fixed, images)
        np.testing.assert_allclose(loss, plain_loss, rtol=1e-9)
        for unit, values in plain_gradients.items():
            np.testing.assert_allclose(gradients[unit]["kernel"], values["kernel"], rtol=1e-9, atol=1e-9)
        for unit, values in plain_updated.get("batch_stats", {}).items():
            for statistic in ("mean", "var"):
                np.testing.assert_allclose(
                    updated["batch_stats"][unit]["norm"][statistic], values["norm"][statistic], atol=1e-9
                )
    assert len(traces) == 1


def test_gates_start_as_the_placement_says():
    model = CNN(placement="conv:after,fc:before", gated=True)
    gates = model.init(jax.random.key(0), images_of("cnn"))["gates"]
    assert jax.tree.map(float, gates) == jax.tree.map(float, gates_for(model, model.parsed_placement))
    assert jax.tree.map(float, gates["fc_dense1"]) == {"on": 1.0, "after": 0.0}


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_flags_and_networks_know_the_same_sites(model):
    config = resolve(Config(model=model, hidden_layers=1))
    assert build_model(config, 10).sites == Config(model=model).sites


def test_settings_reach_the_network():
    config = resolve(
        Config(
            model="mlp", hidden_layers=2, width=8, activation="leaky_relu", negative_slope=0.2, dropout=0.1
        )
    )
    model = build_model(config, 3)
    assert (model.num_classes, model.hidden_layers, model.width) == (3, 2, 8)
    assert (model.activation, model.negative_slope, model.dropout) == ("leaky_relu", 0.2, 0.1)


def test_a_misspelt_placement_is_told_when_the_network_is_used():
    with pytest.raises(PlacementError, match="did you mean 'conv'"):
        CNN(placement="cnov").init(jax.random.key(0), images_of("cnn"))


def test_dropout_stands_after_dense_units_only():
    model = CNN(dropout=0.5)
    variables = model.init(jax.random.key(0), images_of("cnn"))
    for name, value in (("block1_conv1", 0.0), ("fc_dense1", 0.5)):
        found = {}

        def note(call, arguments, keywords, context, name=name, found=found):
            if context.module.name == name:
                found["rate"] = context.module.settings.dropout
            return call(*arguments, **keywords)

        import flax.linen as nn

        with nn.intercept_methods(note):
            model.apply(variables, images_of("cnn"), train=False)
        assert found["rate"] == value
