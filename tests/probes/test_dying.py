"""Dying units, on networks and weights made with a known number of them."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bnjax.data import ImageSet, InputScaling
from bnjax.models import CNN
from bnjax.probes.dying import DYING, flat, flat_updates, silent_units
from bnjax.probes.probe import Seen
from bnjax.settings.config import Config
from bnjax.train.feeding import Feeding
from bnjax.train.mesh import data_mesh
from bnjax.train.optimizer import make_optimizer
from bnjax.train.programs.evaluate import Evaluator
from bnjax.train.state import create_state
from bnjax.train.steps.eval_step import make_eval_step

KILLED = {"block1_conv1": 5, "block2_conv1": 9, "fc_dense1": 100}
IMAGES = ImageSet(
    np.random.default_rng(0).integers(0, 256, (37, 8, 8, 3), dtype=np.uint8),
    np.arange(37, dtype=np.int32) % 10,
)

pytestmark = pytest.mark.slow  # it compiles


def evaluate(model, scaling, state, part, batch_size):
    evaluator = Evaluator(make_eval_step(model, scaling), model, batch_size, Feeding(data_mesh()))
    [[found]] = evaluator.of(state.params, [state.batch_stats], part)
    return found


def silent_counts(activation, placement, bias, batch_size=16):
    """Silent units by site, of a CNN in which the first KILLED units of each layer have this bias."""
    # A slope this small keeps what a killed leaky unit passes on from silencing the units after it.
    model = CNN(placement=placement, activation=activation, negative_slope=1e-9)
    state = create_state(model, make_optimizer(Config()), (8, 8, 3), seed=0)
    params = jax.tree.map(jnp.abs, state.params)  # with inputs >= 0 every unit is active
    for unit, count in KILLED.items():
        where = (params[unit]["norm"], "bias") if "norm" in params[unit] else (params[unit], "bias")
        where[0][where[1]] = where[0][where[1]].at[:count].set(bias)
    state = state.replace(params=params)
    scaling = InputScaling((0.0,) * 3, (255.0,) * 3)
    result = evaluate(model, scaling, state, IMAGES, batch_size)
    found = {site: silent_units(largest, activation) for site, largest in result.activation_input_max.items()}
    for site, silent in found.items():
        assert not silent[KILLED[site.replace("/", "_")] :].any()
    return {site.replace("/", "_"): int(silent.sum()) for site, silent in found.items()}


@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu"])
@pytest.mark.parametrize("placement", ["none", "all:before"])
def test_killed_units_are_counted(activation, placement):
    assert silent_counts(activation, placement, bias=-1e6) == KILLED


def test_any_batch_size_counts_the_same():
    assert all(silent_counts("relu", "none", -1e6, size) == KILLED for size in (1, 10, 37, 500))


def test_nobody_is_silent_in_a_live_network():
    assert set(silent_counts("relu", "none", bias=0.0).values()) == {0}


def test_one_active_position_of_one_example_is_enough():
    largest = np.asarray([-1.0, 0.0, 1e-30])
    assert silent_units(largest, "relu").tolist() == [True, True, False]
    assert silent_units(largest, "leaky_relu").tolist() == [True, False, False]


@pytest.mark.parametrize("batch_size", [7, 500])
def test_the_fraction_of_images_on_which_a_unit_is_active(batch_size):
    """Against a look at every image; 29 images do not fill the batches."""
    model = CNN(placement="all:before")
    state = create_state(model, make_optimizer(Config()), (8, 8, 3), seed=0)
    part = ImageSet(IMAGES.images[:29], IMAGES.labels[:29])
    scaling = InputScaling((128.0,) * 3, (64.0,) * 3)
    result = evaluate(model, scaling, state, part, batch_size)
    images = (part.images.astype(np.float32) - 128) / 64
    _, seen = model.apply(
        {"params": state.params, "batch_stats": state.batch_stats},
        images,
        mutable=["intermediates"],
        capture_intermediates=lambda module, _: module.name == "norm",
    )
    for site, fractions in result.active.items():
        inputs = np.asarray(seen["intermediates"][site.replace("/", "_")]["norm"]["__call__"][0])
        somewhere = (inputs > 0).any(tuple(range(1, inputs.ndim - 1)))
        np.testing.assert_allclose(fractions, somewhere.mean(0), atol=1e-12)
        assert 0 < np.median(fractions) <= 1


def test_flat_updates():
    before = np.random.default_rng(0).normal(size=(3, 3, 2, 4)).astype(np.float32)
    after = before.copy()
    after[0, 0, 0, 1] += 1  # one weight moved
    after[..., 2] = before[..., 2] + np.float32(0)  # nothing moved
    assert flat_updates(before, after).tolist() == [True, False, True, True]
    constant = np.zeros((5, 1), np.float32)
    assert flat_updates(constant, constant + 3).tolist() == [True]  # all moved alike: maximum = minimum


def seen(before, after, trained=("a",), **numbers):
    at_site = {name: {"a": np.asarray(found)} for name, found in numbers.items()}
    at_site = {"largest_input": {}, "active": {}, **at_site}
    return Seen(
        activation="relu", kernels_before={"a": before}, kernels={"a": after}, trained=trained, **at_site
    )


def test_a_unit_is_flat_after_two_flat_epochs_in_a_row():
    kernel, memory, found = np.zeros((4, 3), np.float32), {}, []
    moving = np.asarray([[0, 1, 0]] + [[0, 0, 0]] * 3, np.float32)  # unit 1 moves, 0 and 2 do not
    woken = np.asarray([[0, 0, 1]] + [[0, 0, 0]] * 3, np.float32)  # unit 2 wakes, 1 stops
    ends = [kernel + moving, kernel + 2 * moving, *[kernel + 2 * moving + woken] * 2]
    for before, after in itertools.pairwise([kernel, *ends]):
        epoch = seen(before, after)
        DYING.look(epoch, memory)
        found.append(flat(epoch, memory)["a"].tolist())
    assert found == [[False] * 3, [True, False, True], [True, False, False], [True, True, False]]


def test_counts():
    still = np.zeros((2, 3), np.float32)
    moved = still + np.asarray([[0, 1, 0], [0, 0, 0]], np.float32)
    memory = {"a": np.asarray([0, 5, 1])}
    epoch = dict(largest_input=[0.0, 1.0, -1.0], active=[0.0, 0.25, 0.5])
    counts = {"silent": 2, "flat": 1, "units": 3, "active": 0.25}
    assert DYING.look(seen(still, moved, **epoch), memory) == {"a": counts}
    assert memory["a"].tolist() == [1, 0, 2]
    untrained = seen(still, moved, trained=(), **epoch)
    assert DYING.look(untrained, {}) == {"a": {**counts, "flat": None}}
