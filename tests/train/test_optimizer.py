"""Optimizers by their formulas, and learning rates."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from small_runs import config, dataset

from bnjax.data.batches import Batch
from bnjax.models import MLP
from bnjax.process.progress import Progress
from bnjax.runs.group import Alone
from bnjax.runs.loop import train
from bnjax.runs.training import prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.train.optimizer import learning_rates, make_optimizer, scale_by_keras_adam
from bnjax.train.state import create_state
from bnjax.train.steps.step import make_train_step

pytestmark = pytest.mark.slow  # it compiles


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


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_weight_decay_may_act_on_all_parameters(name):
    params = {"kernel": jnp.full((2, 2), 4.0), "norm": {"scale": jnp.full(2, 2.0)}}
    nothing = jax.tree.map(jnp.zeros_like, params)
    settings = dict(optimizer=name, learning_rate=0.5, weight_decay=0.1)
    optimizer = make_optimizer(Config(decay_all=True, **settings))
    updates, _ = optimizer.update(nothing, optimizer.init(params), params)
    np.testing.assert_allclose(updates["kernel"], -0.5 * 0.1 * 4.0)
    np.testing.assert_allclose(updates["norm"]["scale"], -0.5 * 0.1 * 2.0)


@pytest.mark.parametrize(("form", "theirs"), [("gradient", "Adam"), ("decoupled", "AdamW")])
def test_adam_decays_weights_as_in_pytorch(form, theirs):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    gradients, start = [0.3, -0.1, 0.2, 0.0, 0.0], [[2.0, -1.0]]
    shared = dict(weight_decay=0.1, adam_epsilon=1e-3, learning_rate=0.05)
    weight = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    adam = getattr(torch.optim, theirs)([weight], lr=0.05, eps=1e-3, weight_decay=0.1)
    with jax.enable_x64(True):
        optimizer = make_optimizer(Config(adam_decay=form, adam_form="paper", **shared))
        ours = jnp.asarray(start)
        state = optimizer.init(ours)
        for gradient in gradients:
            updates, state = optimizer.update(jnp.full_like(ours, gradient), state, ours)
            ours = optax.apply_updates(ours, updates)
            weight.grad = torch.full_like(weight, gradient)
            adam.step()
    np.testing.assert_allclose(ours, weight.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    "idle",
    [
        dict(decay_all=True),
        dict(adam_decay="gradient"),
        dict(adam_decay="gradient", weight_decay=0.1, optimizer="sgd"),
    ],
)
def test_what_decays_nothing_is_no_other_condition(idle):
    without = {name: value for name, value in idle.items() if name not in ("decay_all", "adam_decay")}
    assert resolve(Config(**idle)) == resolve(Config(**without))


def test_accumulated_gradients_are_one_of_their_mean():
    gradients = [3e-4, -1e-5, 2e-5, 5e-4, 1e-6, 1e-3]
    with jax.enable_x64(True):
        optimizer = make_optimizer(Config(accumulate=3, adam_epsilon=1e-4, learning_rate=0.1))
        x, way = jnp.zeros(()), []
        state = optimizer.init(x)
        for gradient in gradients:
            updates, state = optimizer.update(jnp.asarray(gradient), state, x)
            x = optax.apply_updates(x, updates)
            way.append(float(x))
    means = [np.mean(gradients[:3]), np.mean(gradients[3:])]
    one, two = (adam_by_hand(means[:count], 0.1, 1e-4, "keras") for count in (1, 2))
    np.testing.assert_allclose(way, [0, 0, one, one, one, two], rtol=1e-6)  # optax sums in float32


def test_a_schedule_counts_updates():
    rates = learning_rates(Config(schedule="cosine", epochs=2, accumulate=5), 1.0, steps_per_epoch=10)
    np.testing.assert_allclose([rates(step) for step in (0, 2, 4)], [1, 0.5, 0], atol=1e-6)


def test_running_statistics_move_with_each_accumulated_batch():
    model, optimizer = MLP(placement="all", width=4, norm_momentum=0.9), make_optimizer(Config(accumulate=2))
    images = np.random.default_rng(0).normal(0, 1, (6, 2, 2, 1)).astype(np.float32)
    batch = Batch(images, np.arange(6, dtype=np.int32), np.ones(6, np.float32))
    step, state = make_train_step(model, optimizer, None), create_state(model, optimizer, (2, 2, 1), seed=0)
    seen = []
    for _ in range(3):
        kernel = np.array(state.params["fc_dense1"]["kernel"])
        seen.append((kernel, np.array(state.batch_stats["fc_dense1"]["norm"]["mean"])))
        state, _ = step(state, batch)
    (first, start), (same, moved), (changed, twice) = seen
    np.testing.assert_array_equal(first, same)
    assert (first != changed).any()
    # The same weights see the same batch: 0.1 of its mean, then 0.1 + 0.9 * 0.1 of it.
    np.testing.assert_allclose(twice - start, 1.9 * (moved - start), rtol=1e-4, atol=1e-7)


def test_updates_that_never_come_are_refused():
    with pytest.raises(ConfigError, match=r"--accumulate=9: an epoch has \d batches, too few for an update"):
        prepare(config(accumulate=9), dataset())


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
