"""Residual branches beside their shortcuts, by what units and modules hand on."""

import jax
import numpy as np
import pytest

from bnjax.data.batches import Batch
from bnjax.models import MLP, MobileNetV2, ResNet, ViT, gates_for
from bnjax.probes.branches import BRANCHES
from bnjax.probes.probe import Seen
from bnjax.settings.config import Config
from bnjax.train.optimizer import make_optimizer
from bnjax.train.state import state_maker
from bnjax.train.steps.observe_sums import sum_variances
from bnjax.train.steps.subject import Subject

SHAPE = (8, 8, 3)


def batch(shape=SHAPE):
    images = np.random.default_rng(0).normal(size=(4, *shape)).astype(np.float32)
    return Batch(images, np.arange(4), np.ones(4, np.float32))


def asked(model, shape=SHAPE, gates=None):
    """What makes an initial state, and what the probe asks of one."""
    optimizer = make_optimizer(Config())
    subject = Subject(model, optimizer, None, gates)
    state = state_maker(model, optimizer, shape)
    return state, subject, lambda state: sum_variances(subject, state, state.batch_stats, batch(shape))


def observed(model, gates=None):
    """What the probe sees of an initial network, and what each of its modules gave."""
    maker, subject, observe = asked(model, gates=gates)
    state = maker(0)
    variables = subject.variables(state.params, state.batch_stats)
    kept = dict(capture_intermediates=True, mutable=["intermediates"], train=False)
    _, seen = jax.jit(lambda images: model.apply(variables, images, **kept))(batch().images)
    given = {
        name: np.asarray(of["__call__"][0], np.float64)
        for name, of in seen["intermediates"].items()
        if "__call__" in of and not isinstance(of["__call__"][0], tuple)
    }
    return {site: tuple(map(float, parts)) for site, parts in jax.jit(observe)(state).items()}, given


def variances(*parts):
    return pytest.approx(tuple(part.var() for part in parts), rel=1e-4)


def test_those_of_a_residual_network_are_its_units():
    found, given = observed(ResNet(placement="conv:before", depth=8))
    assert list(found) == [f"block{number}/conv2" for number in (1, 2, 3)]
    assert found["block1/conv2"] == variances(given["block1_conv2"], given["stem_conv1"])
    first = np.maximum(given["block1_conv2"] + given["stem_conv1"], 0)
    padded = np.pad(first[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (8, 8)))
    assert found["block2/conv2"] == variances(given["block2_conv2"], padded)


def test_an_order_whose_norm_stands_behind_the_sum_has_the_same_branches():
    """Without norms every order but those that begin with an activation computes the same sums."""
    original, _ = observed(ResNet(placement="none", depth=8))
    behind, _ = observed(ResNet(placement="none", depth=8, residual_block="norm-after-sum"))
    assert {site: pytest.approx(parts, rel=1e-4) for site, parts in original.items()} == behind


@pytest.mark.parametrize("gated", [False, True])
def test_those_of_a_transformer_are_what_it_adds_to_tokens(gated):
    model = ViT(placement="all", order="before", vit_depth=1, vit_width=8, vit_heads=2, gated=gated)
    found, given = observed(model, gates_for(model, "all:before") if gated else None)
    attention, mlp = given["block1_attention"], given["block1_mlp"]
    assert found["block1/mlp"] == variances(mlp - attention, attention)
    assert list(found) == ["block1/attention", "block1/mlp"]


def test_other_networks_have_sums_where_they_say_so():
    maker, _, observe = asked(MLP())
    assert jax.eval_shape(observe, maker.shapes()) == {}
    maker, _, observe = asked(MobileNetV2(placement="all"), (32, 32, 3))
    sums = jax.eval_shape(observe, maker.shapes())
    assert len(sums) == 10  # of 17 blocks those that keep sides and features (Sandler et al. 2018, table 2)
    assert all(site.endswith("/project") for site in sums)


def test_records_hold_six_digits_and_no_number_that_is_none():
    nothing = {name: {} for name in ("kernels_before", "kernels", "trained", "largest_input", "active")}
    seen = Seen(activation="relu", **nothing, observed={"branches": {"block1/mlp": (1 / 3, np.inf)}})
    assert BRANCHES.look(seen, {}) == {"block1/mlp": {"branch_variance": 0.333333, "shortcut_variance": None}}
