"""Training: its order, exact evaluation, common random numbers, determinism, compilation."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_runs import config, dataset, image_set, trained

from bnjax.data import Dataset, ImageSet, InputScaling, input_scaling
from bnjax.data.batches import Batch
from bnjax.models import MLP
from bnjax.process.progress import Progress
from bnjax.runs.group import Alone
from bnjax.runs.loop import train
from bnjax.runs.recording.epoch_record import summary_fields
from bnjax.runs.training import prepare, used_variables
from bnjax.settings.config import Config
from bnjax.train.feeding import Feeding
from bnjax.train.mesh import data_mesh, lane_mesh
from bnjax.train.optimizer import make_optimizer
from bnjax.train.programs import stepping
from bnjax.train.programs.evaluate import Evaluator
from bnjax.train.programs.stepping import DeviceSteps, HostSteps, LaneSteps, order_parts, train_order
from bnjax.train.state import create_state, digest
from bnjax.train.steps.eval_step import make_eval_step
from bnjax.train.steps.step import make_train_loop, make_train_step
from bnjax.train.steps.sums import Sums, Totals, cross_entropies

pytestmark = pytest.mark.slow  # it compiles


SCALING = InputScaling((128.0,), (64.0,))


@pytest.mark.parametrize("lanes", [(), (3,)])
def test_the_parts_of_an_epoch_are_its_order(lanes):
    order = np.random.default_rng(0).permutation(np.arange(math.prod(lanes) * 505)).reshape(*lanes, 505)
    parts = list(order_parts(order, 252, 2))
    assert [(part.shape, taken) for part, taken in parts] == [((*lanes, 100, 2), n) for n in (100, 100, 52)]
    taken = np.concatenate([part[..., :taken, :] for part, taken in parts], axis=-2)
    np.testing.assert_array_equal(taken.reshape(*lanes, 504), order[..., :504])
    assert not parts[-1][0][..., 52:, :].any()


def test_label_smoothing_is_optaxs():
    logits = jnp.asarray(np.random.default_rng(0).normal(0, 3, (6, 10)), jnp.float32)
    labels = jnp.arange(6)
    targets = optax.smooth_labels(jax.nn.one_hot(labels, 10), 0.2)
    expected = optax.softmax_cross_entropy(logits, targets)
    np.testing.assert_allclose(cross_entropies(logits, labels, 0.2), expected, rtol=1e-5)
    plain = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    np.testing.assert_array_equal(cross_entropies(logits, labels), plain)


def test_labels_are_smoothed_in_training_alone():
    """A rate of next to nothing: the network stays as it is."""
    (_, _, plain), (_, _, smoothed) = (
        trained(epochs=1, optimizer="sgd", learning_rate=1e-30, label_smoothing=part) for part in (0.0, 0.5)
    )
    assert plain[0]["test_loss"] == smoothed[0]["test_loss"]
    assert plain[0]["train_loss"] != smoothed[0]["train_loss"]


@pytest.mark.parametrize(("classes", "known"), [(5, False), (6, True)])
def test_top5_accuracy_is_told_of_more_than_five_classes(classes, known):
    part = image_set(32)
    few = ImageSet(part.images, part.labels % classes)
    run = prepare(config(epochs=1), Dataset(few, few, classes, {"name": "made"}))
    told = []
    train(Alone(run), lambda lane, kind, **fields: told.append(fields), Progress(1, 1))
    assert (told[0]["test_top5_accuracy"] is not None) == known
    assert "test_top5_accuracy" in summary_fields(run, "done", 1.0)["final"]


@pytest.mark.parametrize("batch_size", [1, 7, 16, 29, 500])
def test_evaluation_is_exact_at_any_batch_size(batch_size):
    model, part = MLP(width=8, placement="all:after"), image_set(29)
    state = create_state(model, make_optimizer(Config()), (6, 6, 1), 0)
    evaluator = Evaluator(make_eval_step(model, SCALING), model, batch_size, Feeding(data_mesh()))
    [[result]] = evaluator.of(state.params, [state.batch_stats], part)
    images = (part.images.astype(np.float32) - 128) / 64
    logits = model.apply({"params": state.params, "batch_stats": state.batch_stats}, images)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, part.labels)
    np.testing.assert_allclose(result.loss, losses.mean(), rtol=1e-5)
    assert result.accuracy == int((logits.argmax(-1) == part.labels).sum()) / 29
    best = np.argsort(logits, -1)[:, -5:]
    assert result.top5_accuracy == int((best == part.labels[:, None]).sum()) / 29


def test_conditions_of_one_seed_share_kernels_and_the_key_of_dropout():
    runs = [prepare(config(placement=placement), dataset()) for placement in ("none", "all")]
    states = [run.state for run in runs]
    for unit in ("fc_dense1", "logits"):
        np.testing.assert_array_equal(*(state.params[unit]["kernel"] for state in states))
    assert jax.random.key_data(states[0].key).tolist() == jax.random.key_data(states[1].key).tolist()
    other = prepare(config(seed=1), dataset()).state
    assert (np.asarray(other.params["logits"]["kernel"]) != states[0].params["logits"]["kernel"]).any()


def dropped_units(placement):
    """Where dropout puts zeros; a leaky ReLU of slope 1 makes none of its own."""
    identity = dict(activation="leaky_relu", negative_slope=1.0)
    run = prepare(config(placement=placement, dropout=0.5, **identity), dataset())
    _, captured = run.model.apply(
        {"params": run.state.params, "batch_stats": run.state.batch_stats},
        jnp.asarray(np.random.default_rng(0).normal(size=(4, 36)), jnp.float32),
        train=True,
        mutable=["batch_stats", "intermediates"],
        capture_intermediates=lambda module, _: module.name == "dropout",
        rngs={"dropout": run.state.key},
    )
    return np.asarray(captured["intermediates"]["fc_dense1"]["dropout"]["__call__"][0]) == 0


def test_dropout_of_one_seed_drops_the_same_units_whatever_the_placement():
    plain = dropped_units("none")
    assert 0.2 < plain.mean() < 0.8
    for placement in ("all:before", "all:after"):
        np.testing.assert_array_equal(dropped_units(placement), plain)


def test_the_same_settings_give_the_same_bytes_twice():
    first, _, first_epochs = trained(placement="all", dropout=0.3, shuffle="epoch")
    second, _, second_epochs = trained(placement="all", dropout=0.3, shuffle="epoch")
    assert digest(used_variables(first)) == digest(used_variables(second))
    for a, b in zip(first_epochs, second_epochs, strict=True):
        timeless = {key: value for key, value in a.items() if key not in ("seconds", "images_per_second")}
        assert timeless == {key: b[key] for key in timeless}
    assert digest(used_variables(trained(seed=5)[0])) != digest(used_variables(first))


def test_training_learns_and_its_records_say_so():
    run, status, epochs = trained(epochs=30, learning_rate=0.01, input_scale="standardize", validation=0)
    assert status == "done"
    assert epochs[-1]["train_loss"] < 0.7 * epochs[0]["train_loss"]
    assert epochs[-1]["step"] == 30 * 3 == int(run.state.step)
    summary = summary_fields(run, status, 1.0)
    assert summary["final"]["test_loss"] == epochs[-1]["test_loss"]
    assert summary["best"]["test_loss"] == min(epoch["test_loss"] for epoch in epochs)
    assert summary["state_sha256"] == digest(used_variables(run))


def test_bfloat16_computes_coarsely_and_keeps_float32():
    """Activations lose digits; parameters, running statistics and logits do not."""
    settings = dict(placement="all", input_scale="standardize", epochs=3)
    coarse, status, coarse_epochs = trained(precision="bfloat16", **settings)
    _, _, epochs = trained(**settings)
    assert status == "done"
    kept = jax.tree.leaves((coarse.state.params, coarse.state.batch_stats))
    assert {leaf.dtype for leaf in kept} == {jnp.dtype("float32")}
    assert coarse_epochs[-1]["train_loss"] != epochs[-1]["train_loss"]
    assert coarse_epochs[-1]["train_loss"] == pytest.approx(epochs[-1]["train_loss"], rel=0.02)
    images = jnp.zeros((1, 6, 6, 1), jnp.bfloat16)
    variables = {"params": coarse.state.params, "batch_stats": coarse.state.batch_stats}
    assert jax.eval_shape(coarse.model.apply, variables, images).dtype == jnp.float32


def test_the_step_is_compiled_once():
    run, _, _ = trained(epochs=3)
    assert run.steps.program._cache_size() == 1
    assert run.programs.eval_step._cache_size() == 1


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("kind", ["host", "device"])
def test_what_is_compiled_ahead_is_not_compiled_again(kind, gated, caplog):
    settings, data = config(), dataset()
    run = prepare(settings, data, gated=gated)
    ways = {
        "host": HostSteps(settings, run.programs.train_step, data.train, data_mesh()),
        "device": DeviceSteps(settings, run.programs.train_loop, data.train, data_mesh()),
    }
    compiled = {"host": "XLA compilation of jit(step)", "device": "XLA compilation of jit(loop)"}[kind]
    with jax.log_compiles():
        ways[kind].compile(run.state)
        assert caplog.text.count(compiled) == 1
        for state, _ in ways[kind].take(run.state, 1):
            jax.block_until_ready(state)
        assert caplog.text.count(compiled) == 1
    assert int(state.step) == 3


def two_epochs_of(way, model_and_optimizer):
    """The state after all steps, and what they summed up to."""
    state, total = create_state(*model_and_optimizer, (6, 6, 1), 3), Totals()
    way.compile(state)
    for epoch in (1, 2):
        for after, sums in way.take(state, epoch):
            state = after
            total.add(sums)
    return state, total


@pytest.mark.parametrize("most", [1, 2, 100])
def test_steps_in_a_loop_on_the_device_are_those_from_the_host(most, monkeypatch):
    """Three steps an epoch, two epochs; two at a time leave a rest of one."""
    monkeypatch.setattr(stepping, "STEPS_IN_LOOP", most)
    settings, data = config(placement="all", shuffle="epoch", dropout=0.3, seed=3), dataset()
    with jax.enable_x64(True):
        model = MLP(width=12, placement="all", dropout=0.3, param_dtype=jnp.float64)
        parts = (model, make_optimizer(settings), input_scaling("standardize", data.train))
        ways = [
            HostSteps(settings, make_train_step(*parts), data.train, data_mesh()),
            DeviceSteps(settings, make_train_loop(*parts), data.train, data_mesh()),
        ]
        (state, total), (other, other_total) = (two_epochs_of(way, parts[:2]) for way in ways)
        assert int(state.step) == int(other.step) == 6
        for mine, theirs in ((state.params, other.params), (state.batch_stats, other.batch_stats)):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-9), mine, theirs)
    np.testing.assert_allclose(total.mean_loss, other_total.mean_loss, rtol=1e-6)
    assert total.batch_accuracies == other_total.batch_accuracies
    assert len(total.batch_accuracies) == 6


def test_sorted_batches_reach_the_steps_of_every_kind():
    """From the host, in a loop, and in lanes of several seeds, from the middle of an epoch too."""
    settings, data = config(batches="sorted", shuffle="epoch", batch_size=8, seed=3), dataset()
    orders = [
        train_order(dataclasses.replace(settings, seed=seed), data.train).positions(2) for seed in (3, 4)
    ]
    wanted = [data.train.labels[order].reshape(-1, 8) for order in orders]
    assert all(len(set(batch)) <= 3 for batch in wanted[0])  # 48 images of 10 classes: five of each
    seen = []

    def one(state, batch):
        seen.append(np.asarray(batch.labels))
        return state, None

    def many(state, examples, order, count):
        seen.extend(np.asarray(examples.labels)[np.asarray(order)][..., :count, :].swapaxes(0, -2))
        return state, Sums(*np.zeros((4, 2, len(order))))

    list(HostSteps(settings, one, data.train, data_mesh()).take(None, 2, 1))
    np.testing.assert_array_equal(seen, wanted[0][1:])
    seen.clear()
    list(DeviceSteps(settings, many, data.train, data_mesh()).take(None, 2, 1))
    np.testing.assert_array_equal(seen, wanted[0][1:])
    seen.clear()
    list(LaneSteps(settings, many, data.train, lane_mesh(), [3, 4]).take(None, 2, 1))
    np.testing.assert_array_equal(seen, np.stack(wanted, 1)[1:])


def test_an_epoch_tells_of_its_single_batches():
    _, _, [epoch, _] = trained(input_scale="standardize", learning_rate=0.01)
    found = epoch["train_batch_accuracy"]
    assert found.keys() == {"lowest", "median", "perfect"}
    assert 0 <= found["lowest"] <= found["median"] <= 1
    assert found["lowest"] * 16 % 1 == found["median"] * 16 % 1 == found["perfect"] * 3 % 1 == 0


def test_a_run_that_diverges_is_told_and_ends():
    run, status, epochs = trained(optimizer="sgd", learning_rate=1e30, epochs=5)
    assert status == "diverged"
    assert len(epochs) < 5
    assert epochs[-1]["status"] == "diverged"
    assert summary_fields(run, status, 1.0)["state_sha256"] is None


def test_filling_images_count_nothing_even_if_their_loss_is_not_finite():
    model, part = MLP(width=4), image_set(4)
    state = create_state(model, make_optimizer(Config()), (6, 6, 1), 0)
    step = make_eval_step(model, SCALING)
    weights = np.asarray([1, 1, 1, 0], np.float32)
    [(sums, _)] = step(state.params, [state.batch_stats], Batch(part.images, part.labels, weights))
    [(alone, _)] = step(
        state.params, [state.batch_stats], Batch(part.images[:3], part.labels[:3], weights[:3])
    )
    np.testing.assert_allclose(sums.loss, alone.loss, rtol=1e-6)
    assert int(sums.images) == 3
