"""Every norm at the sites of networks: static, gated, mixed, and what it keeps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bnjax.models import CNN, MLP, InceptionV3, MobileNetV2, gates_for
from bnjax.norm import NORMS
from bnjax.placement import PlacementError

OTHERS = [name for name in NORMS if name != "batch"]
IMAGES = jnp.asarray(np.random.default_rng(0).normal(0, 1, (4, 8, 8, 3)), jnp.float32)


def shapes_of(model, side=8):
    return jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((2, side, side, 3)))


def loss_and_gradients(model, variables):
    def loss(params):
        logits, updated = model.apply(
            {**variables, "params": params}, IMAGES, train=True, mutable=["batch_stats"]
        )
        labels = jnp.arange(len(IMAGES)) % 10
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean(), updated

    return jax.jit(jax.value_and_grad(loss, has_aux=True))(variables["params"])


@pytest.mark.parametrize("norm", OTHERS)
def test_a_network_with_these_norms_alone_keeps_no_statistics(norm):
    norms_of_batch = NORMS[norm].of_batch
    for model in (CNN(placement="conv", norm=norm), MobileNetV2(placement="all", norm=norm, norm_groups=8)):
        side = 64 if isinstance(model, MobileNetV2) else 8
        variables = shapes_of(model, side)
        assert ("batch_stats" in variables) == norms_of_batch
        with_norm = {unit for unit, params in variables["params"].items() if "norm" in params}
        assert len(with_norm) == sum(order != "absent" for order in model.parsed_placement.orders)


@pytest.mark.slow
@pytest.mark.parametrize("norm", OTHERS)
def test_a_gated_network_of_a_norm_equals_the_static_one(norm):
    for text in ("conv:after", "conv:before"):
        static, gated = (CNN(placement=text, norm=norm, norm_groups=4, gated=on) for on in (False, True))
        fixed = {"params": {}, "batch_stats": {}, **static.init(jax.random.key(0), IMAGES)}
        switched = gated.init(jax.random.key(0), IMAGES)
        switched["gates"] = gates_for(gated, text)
        (plain_loss, _), plain = loss_and_gradients(static, fixed)
        (loss, _), gradients = loss_and_gradients(gated, switched)
        np.testing.assert_allclose(loss, plain_loss, rtol=1e-5)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4),
            {unit: {name: gradients[unit][name] for name in values} for unit, values in plain.items()},
            plain,
        )


def test_a_code_mixes_norms():
    model = CNN(placement="cBr-crG-dLr")
    variables = shapes_of(model)
    assert set(variables["batch_stats"]) == {"block1_conv1"}
    assert model.site_norms == {"block1/conv1": "batch", "block2/conv1": "group", "fc/dense1": "layer"}
    assert {unit for unit, params in variables["params"].items() if "norm" in params} == {
        "block1_conv1",
        "block2_conv1",
        "fc_dense1",
    }


def test_gates_do_not_make_one_norm_into_another():
    model = CNN(norm="layer", gated=True)
    assert set(gates_for(model, "cLr-cr-dr")) == {"block1_conv1", "block2_conv1", "fc_dense1"}
    with pytest.raises(
        PlacementError, match="gates cannot make a group norm at fc/dense1: the model has layer"
    ):
        gates_for(model, "dense:before:group")


def test_a_network_without_scales_has_none_in_other_norms_either():
    params = shapes_of(InceptionV3(placement="stem", norm="layer"), 96)["params"]
    names = {name for unit in params.values() for name in unit.get("norm", {})}
    assert names == {"bias"}


def test_norms_that_do_not_fit_the_shapes_of_a_network_are_told_with_their_site():
    with pytest.raises(ValueError, match="fc_dense1/norm: each statistic is of 1 value"):
        MLP(placement="all", norm="instance").init(jax.random.key(0), IMAGES)
