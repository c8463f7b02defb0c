"""Optimizers, exact evaluation, common random numbers, determinism, and many devices."""

import dataclasses
import json
import math
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from starting import PATIENCE

from bnjax.data import Dataset, ImageSet, InputScaling, input_scaling
from bnjax.data.batches import Batch
from bnjax.models import MLP
from bnjax.process.progress import Progress
from bnjax.runs.epoch_record import summary_fields
from bnjax.runs.group import Alone
from bnjax.runs.loop import train
from bnjax.runs.training import has_diverged, prepare, used_variables
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.train import stepping
from bnjax.train.eval_step import make_eval_step
from bnjax.train.evaluate import Evaluator
from bnjax.train.feeding import Feeding
from bnjax.train.mesh import data_mesh, shard_batch
from bnjax.train.optimizer import learning_rates, make_optimizer, scale_by_keras_adam
from bnjax.train.state import create_state, digest
from bnjax.train.step import Totals, cross_entropies, make_train_loop, make_train_step
from bnjax.train.stepping import DeviceSteps, HostSteps, order_parts

pytestmark = pytest.mark.slow  # it compiles

SCALING = InputScaling((128.0,), (64.0,))


def image_set(count, seed=0, shape=(6, 6, 1)):
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 10
    images = random.integers(0, 200, (count, *shape)) + 5 * labels[:, None, None, None]
    return ImageSet(images.astype(np.uint8), labels)


def dataset(train_count=48, test_count=29):
    return Dataset(
        image_set(train_count),
        image_set(test_count, 1),
        10,
        {"name": "made", "version": "1", "encoding": "none"},
    )


def config(**settings):
    return resolve(Config(**{**dict(model="mlp", width=12, batch_size=16, epochs=2), **settings}))


@pytest.mark.parametrize("lanes", [(), (3,)])
def test_the_parts_of_an_epoch_are_its_order(lanes):
    order = np.random.default_rng(0).permutation(np.arange(math.prod(lanes) * 505)).reshape(*lanes, 505)
    parts = list(order_parts(order, 252, 2))
    assert [(part.shape, taken) for part, taken in parts] == [((*lanes, 100, 2), n) for n in (100, 100, 52)]
    taken = np.concatenate([part[..., :taken, :] for part, taken in parts], axis=-2)
    np.testing.assert_array_equal(taken.reshape(*lanes, 504), order[..., :504])
    assert not parts[-1][0][..., 52:, :].any()


def trained(**settings):
    """Runs a small config to its end: the run, its status, its epochs' fields."""
    run = prepare(config(**settings), dataset())
    told = []
    train(Alone(run), lambda lane, kind, **fields: told.append((kind, fields)), Progress(1, 1))
    assert [kind for kind, _ in told] == ["epoch"] * len(told)
    return run, "diverged" if has_diverged(run) else "done", [fields for _, fields in told]


def adam_by_hand(gradients, learning_rate, epsilon, form):
    """The parameter's way under given gradients, from the formulas in float64."""
    m = v = x = 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        if form == "keras":
            x -= learning_rate * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (math.sqrt(v) + epsilon)
        else:
            x -= learning_rate * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + epsilon)
    return x


@pytest.mark.parametrize("form", ["keras", "paper"])
def test_adam_is_its_formula_where_epsilon_matters(form):
    gradients = [3e-4, -1e-5, 2e-5, 5e-4, 1e-6]
    with jax.enable_x64(True):
        optimizer = make_optimizer(Config(adam_form=form, adam_epsilon=1e-4, learning_rate=0.1))
        x = jnp.zeros(())
        state = optimizer.init(x)
        for gradient in gradients:
            updates, state = optimizer.update(jnp.asarray(gradient), state, x)
            x = optax.apply_updates(x, updates)
    expected = adam_by_hand(gradients, 0.1, 1e-4, form)
    other = adam_by_hand(gradients, 0.1, 1e-4, "paper" if form == "keras" else "keras")
    np.testing.assert_allclose(x, expected, rtol=1e-12)
    assert abs(expected - other) > 0.01 * abs(expected)


def test_adam_keeps_the_dtype_of_parameters():
    params = {"w": jnp.ones(3, jnp.bfloat16)}
    optimizer = scale_by_keras_adam(0.9, 0.999, 1e-8)
    updates, _ = optimizer.update(params, optimizer.init(params))
    assert updates["w"].dtype == jnp.bfloat16


def test_weight_decay_acts_on_kernels_alone():
    params = {"kernel": jnp.full((2, 2), 4.0), "bias": jnp.full(2, 4.0)}
    nothing = jax.tree.map(jnp.zeros_like, params)
    for name in ("sgd", "adam"):
        optimizer = make_optimizer(Config(optimizer=name, learning_rate=0.5, weight_decay=0.1))
        updates, _ = optimizer.update(nothing, optimizer.init(params), params)
        np.testing.assert_allclose(updates["kernel"], -0.5 * 0.1 * 4.0)
        np.testing.assert_array_equal(updates["bias"], 0)


def test_sgd_momentum():
    optimizer = make_optimizer(Config(optimizer="sgd", learning_rate=0.1, momentum=0.9))
    x = jnp.zeros(())
    state = optimizer.init(x)
    for _ in range(2):
        updates, state = optimizer.update(jnp.ones(()), state, x)
    np.testing.assert_allclose(updates, -0.1 * (1 + 0.9), rtol=1e-6)


def test_the_optimizer_momentum_is_no_adam():
    x, updates = jnp.zeros(()), []
    for name in ("sgd", "momentum"):
        optimizer = make_optimizer(Config(optimizer=name, momentum=0.9))
        updates.append(float(optimizer.update(jnp.ones(()), optimizer.init(x), x)[0]))
    assert updates == [pytest.approx(-1e-3)] * 2


def test_learning_rates_follow_their_schedule():
    cosine = learning_rates(Config(schedule="cosine", epochs=2), 0.1, steps_per_epoch=5)
    expected = optax.cosine_decay_schedule(0.1, decay_steps=10)
    for taken in (0, 1, 5, 9, 10, 12):
        np.testing.assert_allclose(cosine(jnp.int32(taken)), expected(taken), rtol=1e-5, atol=1e-9)
    step = learning_rates(Config(schedule="step", decay_epochs=2, decay_factor=0.5), 0.1, steps_per_epoch=5)
    rates = [float(step(jnp.int32(taken))) for taken in (0, 9, 10, 19, 20)]
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
    assert learning_rates(Config(), 0.1, 0) == 0.1


@pytest.mark.parametrize("name", ["adam", "sgd", "momentum"])
def test_every_optimizer_takes_a_schedule(name):
    settings = config(optimizer=name, schedule="step", decay_epochs=1, decay_factor=0.25, learning_rate=0.1)
    optimizer, plain = make_optimizer(settings, steps_per_epoch=1), make_optimizer(config(optimizer=name))
    x, updates = jnp.zeros(()), []
    for one in (optimizer, plain):
        state = one.init(x)
        for _ in range(3):
            update, state = one.update(jnp.ones(()), state, x)
        updates.append(float(update))
    assert updates[0] == pytest.approx(updates[1] * 0.1 / 1e-3 * 0.25**2)


def test_a_schedule_has_to_know_the_steps_of_an_epoch():
    with pytest.raises(ValueError, match="'cosine' needs the number of steps"):
        make_optimizer(Config(schedule="cosine"))


@pytest.mark.parametrize("gated", [False, True])
def test_a_schedule_reaches_the_training(gated):
    """Behind the first epoch the rate is nothing, so that a second one changes no parameter."""
    common = dict(optimizer="sgd", learning_rate=0.1, input_scale="unit")
    ended = []
    for settings in (dict(epochs=1), dict(epochs=2, schedule="step", decay_epochs=1, decay_factor=1e-30)):
        run = prepare(config(**common, **settings), dataset(), gated=gated)
        train(Alone(run), lambda lane, kind, **fields: None, Progress(1, 1))
        ended.append(run.state.params)
    jax.tree.map(np.testing.assert_array_equal, *ended)


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
    sums, _ = step(state.params, state.batch_stats, Batch(part.images, part.labels, weights))
    alone, _ = step(state.params, state.batch_stats, Batch(part.images[:3], part.labels[:3], weights[:3]))
    np.testing.assert_allclose(sums.loss, alone.loss, rtol=1e-6)
    assert int(sums.images) == 3


EIGHT_DEVICES = """
import sys
from bnjax.commands.flags import command_from_flags
from bnjax.commands.launch import launch
import jax
assert len(jax.devices()) == int(sys.argv[1]), jax.devices()
command = command_from_flags(["x"] + sys.argv[2:], "cifar10")
sys.exit(launch(command.configs, command.options, "x"))
"""
#: With norms, and on digits. One step, and no Adam: it makes much of gradients near 0, and so of rounding.
ONE_STEP = (
    "--placement=all",
    "--width=16",
    "--batch_size=1408",
    "--input_scale=standardize",
    "--optimizer=sgd",
    "--learning_rate=0.01",
)


def run_on(devices, tmp_path, *flags):
    """Records and exit code of a run in a process with this many simulated devices."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}",
    }
    common = ["--dataset=digits", "--epochs=1", f"--out_dir={tmp_path / str(devices)}"]
    done = subprocess.run(
        [sys.executable, "-c", EIGHT_DEVICES, str(devices), *common, *flags],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cnn", "mlp"])
def test_eight_devices_equal_one(model, tmp_path):
    """A step with norms by the statistics of the whole batch, and every test image once."""
    flags = (f"--model={model}", *ONE_STEP)
    one, _ = run_on(1, tmp_path, *flags)
    eight, _ = run_on(8, tmp_path, *flags)
    assert eight[0]["device"]["count"] == 8
    assert [record["kind"] for record in eight] == ["run", "epoch", "summary"]
    for metric in ("train_loss", "test_loss"):
        assert abs(one[1][metric] - eight[1][metric]) < 1e-5 * abs(one[1][metric])
    assert abs(one[1]["test_accuracy"] - eight[1]["test_accuracy"]) < 1e-5


def test_a_batch_that_devices_cannot_share_is_refused(tmp_path):
    records, done = run_on(8, tmp_path, "--batch_size=100")
    assert records == []
    assert done.returncode == 2
    assert "--batch_size=100 cannot be shared by 8 devices" in done.stderr
    assert done.stderr.count("\n") == 1


def test_batches_are_cut_and_not_copied_to_every_device():
    batch = Batch(*image_set(8).__dict__.values(), np.ones(8, np.float32))
    placed = shard_batch(batch, data_mesh())
    assert placed.images.sharding.spec == jax.sharding.PartitionSpec("data")
    assert dataclasses.is_dataclass(Dataset)
