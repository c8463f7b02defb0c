"""What is trained: the published rule in numbers, cuts by block and by Keras's order, and what it saves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.architectures.inceptionv3_layers import inceptionv3_positions
from bnjax.architectures.mobilenetv2 import mobilenetv2_positions
from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.kernels.products import PRODUCTS
from bnjax.models import build_model
from bnjax.nn.unit import parameter_count
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id
from bnjax.train.optimizer import make_optimizer
from bnjax.train.partition import join, split
from bnjax.train.state import create_state
from bnjax.train.steps.step import make_train_step, step_function

SCALING = InputScaling((128.0,) * 3, (64.0,) * 3)
SHAPE = (8, 8, 3)


def fine_tuned(**settings):
    return resolve(Config(**{**dict(placement="all", order="before"), **settings}))


def shapes_of(config, classes, shape):
    model = build_model(config, classes)
    return model, jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *shape)))["params"]


@pytest.mark.parametrize(("train_norms", "count"), [(True, 13_225_794), (False, 13_215_106)])
def test_the_published_rule_trains_as_many_numbers_as_in_keras(train_norms, count):
    """Behind the cut 11,108,352 + 6,528, head 2,098,176 + 2,050, and 10,688 biases of norms before it."""
    config = fine_tuned(
        model="inceptionv3", freeze_until="249", train_norms=train_norms, head_width=1024, image_size=75
    )
    model, params = shapes_of(config, 2, (75, 75, 3))
    trained, frozen = split(params, model)
    assert parameter_count(trained) == count
    assert parameter_count(frozen) == 10_642_784 + (0 if train_norms else 10_688)
    assert sum(site.name in model.freezing.norms for site in model.sites) == 76
    whole = parameter_count(trained) + parameter_count(frozen)
    assert whole == 21_802_784 - 34_432 + 2_098_176 + 2_050


def test_layer_249_of_inceptionv3_is_the_first_behind_mixed8():
    positions, layers = inceptionv3_positions()
    assert layers == 311
    behind = {site.split("/")[0] for site, (kernel, _) in positions.items() if kernel >= 249}
    assert behind == {"mixed9", "mixed10"}
    assert fine_tuned(model="inceptionv3", freeze_until="249").freeze_until == "mixed8"
    assert min(min(positions[site]) for site in positions if site.startswith("mixed9/")) == 249


def test_equal_cuts_are_equal_runs():
    cuts = [fine_tuned(model="inceptionv3", freeze_until=text) for text in ("248", "249", "mixed8")]
    assert len({run_id(config) for config in cuts}) == 1
    assert fine_tuned(model="inceptionv3", freeze_until="0") == fine_tuned(model="inceptionv3")
    last = fine_tuned(model="mobilenetv2", freeze_until=str(mobilenetv2_positions()[1]))
    assert last.freeze_until == "head"


def test_a_cut_may_lie_between_a_convolution_and_its_norm():
    """Layer 1 is the first convolution, layer 2 its norm."""
    model, params = shapes_of(fine_tuned(model="mobilenetv2", freeze_until="2"), 10, (32, 32, 3))
    _, frozen = split(params, model)
    assert list(frozen) == ["stem_conv1"]
    assert list(frozen["stem_conv1"]) == ["kernel"]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (dict(model="cnn", freeze_until="3"), "--freeze_until=3 is not a block of cnn: block1, block2, fc"),
        (
            dict(model="inceptionv3", freeze_until="312"),
            "neither a number of layers from 0 to 311 nor a block",
        ),
        (dict(model="mobilenetv2", freeze_until="mixed8"), "neither a number of layers from 0 to 154 nor"),
        (dict(norm_mode="frozen"), "--norm_mode=frozen is of the part that --freeze_until names"),
        (dict(train_norms=True), "--train_norms is of the part that --freeze_until names"),
        (dict(trained="norms", freeze_until="fc"), "--trained=norms says what is trained, and so does"),
        (dict(trained="norms", placement="none"), "--trained=norms needs a norm"),
        (dict(trained="pooled-statistics", trained_norm_mode="inference"), "says what norms do"),
        (dict(trained_norm_mode="keras2-train", norm_momentum=1.0), "--norm_momentum=1 leaves keras2-train"),
        (dict(model="mlp", dataset="mnist", weights="imagenet"), "--weights=imagenet: none with a published"),
        (dict(pretrain="folder:"), "--pretrain=folder: names no folder; write --pretrain=folder:PATH"),
    ],
)
def test_what_does_not_fit_is_answered_with_one_line(settings, line):
    with pytest.raises(ConfigError) as caught:
        fine_tuned(**settings)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def batch(size=8):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (size, *SHAPE), dtype=np.uint8)
    return Batch(images, np.arange(size, dtype=np.int32) % 10, np.ones(size, np.float32))


def changed(before, after):
    """Paths of the leaves that differ."""
    pairs = zip(
        jax.tree_util.tree_leaves_with_path(before), jax.tree_util.tree_leaves_with_path(after), strict=True
    )
    return {"/".join(key.key for key in path) for (path, a), (_, b) in pairs if not np.array_equal(a, b)}


def one_step(**settings):
    """What a step changes: parameters and statistics."""
    config = fine_tuned(model="cnn", head_width=8, **settings)
    model, optimizer = build_model(config, 10), make_optimizer(config)
    state = create_state(model, optimizer, SHAPE, seed=0)
    before = jax.device_get((state.params, state.batch_stats))
    state, _ = make_train_step(model, optimizer, SCALING)(state, batch())
    after = jax.device_get((state.params, state.batch_stats))
    return changed(before[0], after[0]), changed(before[1], after[1]), state


HEAD = {"head/bias", "head/kernel", "logits/bias", "logits/kernel"}


def norms(*units):
    return {f"{unit}/norm/{name}" for unit in units for name in ("scale", "bias")}


def stats(*units):
    return {f"{unit}/norm/{name}" for unit in units for name in ("mean", "var")}


def kernels(*units):
    return {f"{unit}/kernel" for unit in units}


UNITS = ("block1_conv1", "block2_conv1", "fc_dense1")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "params", "statistics"),
    [
        (dict(freeze_until="block2"), kernels("fc_dense1") | norms("fc_dense1") | HEAD, stats(*UNITS)),
        (
            dict(freeze_until="block2", train_norms=True, norm_mode="frozen"),
            kernels("fc_dense1") | norms(*UNITS) | HEAD,
            stats("fc_dense1"),
        ),
        (
            dict(freeze_until="block1", norm_mode="inference", trained_norm_mode="frozen"),
            kernels("block2_conv1", "fc_dense1") | norms("block2_conv1", "fc_dense1") | HEAD,
            set(),
        ),
        (dict(trained="norms"), norms(*UNITS), stats(*UNITS)),
        (dict(trained="statistics"), set(), stats(*UNITS)),
        (dict(trained="statistics", trained_norm_mode="inference"), set(), set()),
    ],
)
def test_a_step_changes_what_is_trained_and_nothing_else(settings, params, statistics):
    """Biases before a norm have no gradient but rounding, so whether they move is left open."""
    ours, moved, _ = one_step(**settings)
    free = {f"{unit}/bias" for unit in UNITS}
    assert ours - free == params
    assert {name for name in moved if not name.endswith("count")} == statistics
    frozen = {"block2": UNITS[:2], "block1": UNITS[:1]}.get(settings.get("freeze_until"), UNITS)
    assert not ours & {f"{unit}/bias" for unit in frozen}


@pytest.mark.slow
def test_pooled_statistics_forget_those_before():
    """After one batch of the first layer's input, they are that batch's."""
    _, moved, state = one_step(trained="pooled-statistics")
    assert stats(*UNITS) <= moved
    assert int(state.batch_stats["block1_conv1"]["norm"]["count"]) == len(batch().labels)


def step_of(config, classes=10):
    model, optimizer = build_model(config, classes), make_optimizer(config)
    state = create_state(model, optimizer, SHAPE, seed=0)
    return model, state, jax.make_jaxpr(step_function(model, optimizer, SCALING))(state, batch())


@pytest.mark.slow
def test_frozen_parameters_have_no_optimizer_state():
    config = fine_tuned(model="cnn", freeze_until="block2")
    model, state, _ = step_of(config)
    trained, frozen = split(state.params, model)
    moments = jax.tree.leaves(state.opt_state)
    assert sum(np.prod(leaf.shape) for leaf in moments if leaf.ndim) == 2 * parameter_count(trained)
    assert parameter_count(frozen) > 0
    assert jax.tree.structure(join(trained, frozen)) == jax.tree.structure(state.params)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "backward"),
    [
        ({}, 3),  # both kernels, and the input of the second convolution
        (dict(freeze_until="block1"), 1),  # the second kernel
        (dict(freeze_until="block2"), 0),
        (
            dict(freeze_until="block2", train_norms=True),
            1,
        ),  # to the first norm, through the second convolution
        (dict(trained="statistics"), 0),
    ],
)
def test_no_gradient_is_computed_where_none_is_needed(settings, backward):
    """Convolutions in the step's program beside the two of the forward pass."""
    _, _, jaxpr = step_of(fine_tuned(model="cnn", **settings))
    assert _convolutions(jaxpr.jaxpr) == 2 + backward


#: As XLA has them, and as bnjax's own code.
_CONVOLUTIONS = ("conv_general_dilated", *(f"bnjax_{name}" for name in PRODUCTS))


def _convolutions(jaxpr):
    """In a program and those inside it, without what nothing depends on."""
    from jax.extend.core import jaxprs_in_params
    from jax.interpreters import partial_eval

    jaxpr, _ = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    count = 0
    for equation in jaxpr.eqns:
        count += equation.primitive.name in _CONVOLUTIONS
        for inner in jaxprs_in_params(equation.params):
            count += _convolutions(inner)
    return count
