"""Runs that share a program: each equals the run of its config alone, compared in float64.

In float32 the bias before a norm, whose gradient is zero but for rounding, walks at random under Adam.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import config, dataset

from bnjax.models import build_model
from bnjax.process.progress import Progress
from bnjax.runs.group import Alone
from bnjax.runs.lanes import join_runs, prepare_lane_runs
from bnjax.runs.loop import train
from bnjax.runs.training import has_diverged, prepare
from bnjax.train.programs import run_programs, stepping
from bnjax.train.programs import shared as programs
from bnjax.train.programs.shared import Programs

pytestmark = pytest.mark.slow  # it compiles many programs

COMMON = dict(
    epochs=4,
    hidden_layers=2,
    activation="leaky_relu",
    input_scale="standardize",
    shuffle="epoch",
    order="before",
)
#: Every setting that may vary from run to run of one program.
CONDITIONS = [
    dict(placement="fc/dense1:before,fc/dense2:after", learning_rate=0.01, seed=3),
    dict(placement="fc/dense2:before", dropout=0.4, negative_slope=0.3),
]
DATA = dataset(train_count=80)


@pytest.fixture
def wide(monkeypatch):
    """Networks of float64."""

    def build(*arguments, **options):
        return build_model(*arguments, **options).clone(param_dtype=jnp.float64)

    for module in (programs, run_programs):
        monkeypatch.setattr(module, "build_model", build)
    with jax.enable_x64(True):
        yield


def after_twenty_steps(settings, programs=None):
    """State and epochs of a run over 20 steps of 16 images, in one program with others or alone."""
    run = prepare(settings, DATA, programs=programs, gated=programs is not None)
    told = []
    train(Alone(run), lambda lane, kind, **fields: told.append(fields), Progress(1, 1))
    assert int(run.state.step) == 20
    return run, told


@pytest.fixture(scope="module")
def alone():
    """The runs of CONDITIONS by themselves, each in a program of its own; filled by the first test."""
    return []


def runs_alone(alone):
    if not alone:
        alone += [after_twenty_steps(config(**COMMON, **condition)) for condition in CONDITIONS]
    return alone


def assert_same_run(mine, my_epochs, other, epochs):
    """A gated run against one alone, whose absent norms have no parameters."""

    def same(a, b):
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=0, atol=1e-9), a, b)

    for part, expected in (
        (mine.state.params, other.state.params),
        (mine.state.batch_stats, other.state.batch_stats),
    ):
        for unit, leaves in expected.items():
            for name, leaf in leaves.items():
                same(part[unit][name], leaf)
    for epoch, expected in zip(my_epochs, epochs, strict=True):
        for metric in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
            assert epoch[metric] == pytest.approx(expected[metric], rel=1e-6)
        assert epoch["dying"] == expected["dying"]
        assert epoch["train_batch_accuracy"] == expected["train_batch_accuracy"]


def test_runs_that_take_turns_in_one_program_equal_runs_alone(wide, alone):
    programs = Programs()
    for condition, (other, epochs) in zip(CONDITIONS, runs_alone(alone), strict=True):
        mine, my_epochs = after_twenty_steps(config(**COMMON, **condition), programs)
        assert_same_run(mine, my_epochs, other, epochs)
    assert len(programs._made) == 1


def lanes_of(conditions, **common):
    """The lanes at their end, and the epochs of each."""
    configs = [config(**{**COMMON, **common, **condition}) for condition in conditions]
    programs = Programs()
    lanes = join_runs(prepare_lane_runs(configs, DATA, programs), programs)
    told = [[] for _ in conditions]
    train(lanes, lambda lane, kind, **fields: told[lane].append(fields), Progress(1, 1))
    return lanes, told


def test_lanes_side_by_side_equal_runs_alone(wide, alone):
    """With an order of images for each lane, since seeds differ."""
    lanes, told = lanes_of(CONDITIONS)
    assert lanes.state.step.tolist() == [20, 20]
    assert not any(run.shared_order for run in lanes.runs)
    for run, my_epochs, (other, epochs) in zip(lanes.runs, told, runs_alone(alone), strict=True):
        assert_same_run(run, my_epochs, other, epochs)


def test_lanes_of_one_seed_share_batches_and_equal_runs_alone(wide, alone):
    lanes, told = lanes_of([CONDITIONS[1]] * 2)
    assert all(run.shared_order for run in lanes.runs)
    for run, my_epochs in zip(lanes.runs, told, strict=True):
        assert_same_run(run, my_epochs, *runs_alone(alone)[1])


def test_a_lane_that_diverges_leaves_the_others_alone():
    conditions = [dict(learning_rate=0.01), dict(learning_rate=1e30)]
    lanes, (good, bad) = lanes_of(conditions, optimizer="sgd", hidden_layers=1, epochs=3)
    assert [has_diverged(run) for run in lanes.runs] == [False, True]
    assert [epoch["status"] for epoch in good] == ["ok"] * 3
    assert [epoch["status"] for epoch in bad] == ["ok"] * (len(bad) - 1) + ["diverged"]
    assert all(np.isfinite(epoch["test_loss"]) for epoch in good)


def test_lanes_that_have_all_diverged_take_no_further_steps(monkeypatch):
    monkeypatch.setattr(stepping, "STEPS_IN_LOOP", 1)
    conditions = [dict(learning_rate=1e30), dict(learning_rate=1e31)]
    lanes, told = lanes_of(conditions, optimizer="sgd", hidden_layers=1, epochs=3)
    assert [[epoch["status"] for epoch in epochs] for epochs in told] == [["diverged"]] * 2
    assert {epoch["step"] for [epoch] in told} == {int(lanes.state.step[0])}
    assert int(lanes.state.step[0]) < 5
