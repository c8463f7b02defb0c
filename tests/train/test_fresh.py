"""Fresh statistics: known ones of known images, through which evaluation sees, and no bit of training."""

import dataclasses

import jax
import numpy as np
import pytest
from small_runs import config, dataset

from bnjax.data.batches import Batch, SpreadOrder
from bnjax.models import CNN
from bnjax.process.progress import Progress
from bnjax.runs.group import Alone
from bnjax.runs.lanes import join_runs, prepare_lane_runs
from bnjax.runs.loop import train
from bnjax.runs.precompute import precompute
from bnjax.runs.recording.epoch_record import summary_fields
from bnjax.runs.training import prepare
from bnjax.settings.config import Config
from bnjax.settings.freezing import Freezing
from bnjax.settings.identity import run_id
from bnjax.train.feeding import Feeding
from bnjax.train.mesh import data_mesh
from bnjax.train.programs.evaluate import Evaluator
from bnjax.train.programs.shared import Programs
from bnjax.train.steps.fresh import FreshStatistics, fresh_order, pooled_units, reads_fresh

DATA = dataclasses.replace(dataset(train_count=64), validation=dataset(test_count=17).test)
NORMED = dict(placement="all", order="before", learning_rate=0.05, dropout=0.2)


def fresh_of(run, epoch=1):
    order = fresh_order(run.config, len(run.fed.train))
    programs = run.programs
    fresh = FreshStatistics(programs.fresh_step, programs.trained_part, Feeding(run.mesh), order)
    return fresh.of(run.state, run.fed.train, epoch)


def trained(gated=False, data=DATA, programs=None, **settings):
    """A run to its end: itself, its epochs, and its summary."""
    run, told = prepare(config(**settings), data, programs=programs, gated=gated), []
    train(Alone(run), lambda lane, kind, **fields: told.append(fields), Progress(1, 1))
    return run, told, summary_fields(run, "done", 0.0)


def side_by_side(*configs, data=DATA):
    programs = Programs()
    lanes = join_runs(prepare_lane_runs(configs, data, programs), programs)
    train(lanes, lambda *told, **fields: None, Progress(1, 1))
    return lanes.runs


@pytest.mark.parametrize(("images", "count", "size"), [(64, 64, 16), (100, 30, 10), (7, 6, 3), (50, 12, 1)])
def test_batches_are_spread_over_all_images_and_the_same_in_every_epoch(images, count, size):
    order = SpreadOrder(images, count, size, seed=5)
    batches = [order(index).positions for index in range(order.steps)]
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(count) * images // count)
    for batch in batches:
        assert np.all(np.diff(batch) >= images // count * order.steps)  # each of them by itself
    assert np.array_equal(order(order.steps).positions, batches[0])
    assert [order(index).key for index in (0, order.steps)] == [(5, 1), (5, 2)]


@pytest.mark.parametrize(
    ("asked", "images", "batch_size", "count"),
    [(0, 100, 10, 0), (50, 100, 10, 50), (55, 100, 10, 50), (5, 100, 10, 10), (500, 100, 10, 100),
     (-1, 50_000, 128, 896), (-1, 1437, 128, 256), (2000, 1437, 128, 1408), (-1, 130, 128, 128)],
)  # fmt: skip
def test_so_many_images_are_used(asked, images, batch_size, count):
    order = fresh_order(Config(fresh_images=asked, batch_size=batch_size), images)
    assert (order.count if order else 0) == count


@pytest.mark.slow
def test_the_first_norms_statistics_are_those_of_its_inputs():
    run = prepare(config(placement="all", order="before", fresh_images=48), DATA)
    [unit] = run.state.batch_stats
    found = fresh_of(run)[unit]["norm"]
    images = DATA.train.images[np.arange(48) * 64 // 48].reshape(48, -1).astype(np.float64)
    params = {name: np.asarray(leaf, np.float64) for name, leaf in run.state.params[unit].items()
              if name != "norm"}  # fmt: skip
    inputs = images @ params["kernel"] + params["bias"]
    assert found.keys() == run.state.batch_stats[unit]["norm"].keys()
    np.testing.assert_allclose(found["mean"], inputs.mean(0), rtol=1e-5, atol=1e-5 * inputs.std())
    np.testing.assert_allclose(found["var"], inputs.var(0), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("gated", [False, True])
def test_fresh_readings_are_those_of_a_run_with_these_statistics(gated):
    run, epochs, _ = trained(gated, **NORMED, fresh_images=64, epochs=2, model="cnn", image_size=6)
    programs = run.programs
    evaluator = Evaluator(programs.eval_step, programs.trained_part, 500, Feeding(data_mesh()))
    for part, name in ((DATA.test, "test"), (DATA.validation, "validation")):
        [[expected]] = evaluator.of(run.state.params, [fresh_of(run, 2)], part)
        assert epochs[-1][f"{name}_loss_fresh"] == expected.loss
        assert epochs[-1][f"{name}_accuracy_fresh"] == expected.accuracy
        assert epochs[-1][f"{name}_loss"] != expected.loss


@pytest.mark.slow
def test_where_nothing_lags_both_readings_are_the_same():
    """A momentum of 0 keeps the last batch's statistics, and these are all images'."""
    settings = dict(NORMED, norm_momentum=0.0, learning_rate=1e-12, dropout=0.0)
    _, epochs, _ = trained(**settings, batch_size=64, fresh_images=64)
    assert epochs[-1]["test_loss_fresh"] == pytest.approx(epochs[-1]["test_loss"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("gated", [False, True])
def test_no_bit_of_training_changes(gated):
    ours, theirs = (trained(gated, **NORMED, fresh_images=images) for images in (64, 0))
    assert ours[2]["state_sha256"] == theirs[2]["state_sha256"]
    assert run_id(ours[0].config) == run_id(theirs[0].config)
    for mine, other in zip(ours[1], theirs[1], strict=True):
        fresh = {name for name in mine if name.endswith("_fresh")}
        assert {mine[name] is None for name in fresh} == {False}
        assert {other[name] for name in fresh} == {None}
        times = {"seconds", "images_per_second"}
        assert {n: v for n, v in mine.items() if n not in fresh | times} == {
            n: v for n, v in other.items() if n not in fresh | times
        }


@pytest.mark.slow
def test_lanes_read_as_runs_by_themselves():
    with_norms, without = (config(**NORMED | dict(placement=p), fresh_images=32) for p in ("all", "none"))
    read, unread = (run.epochs[-1] for run in side_by_side(with_norms, without))
    alone = trained(**NORMED, fresh_images=32)[1][-1]
    for name in ("test_loss_fresh", "test_accuracy_fresh", "validation_loss_fresh"):
        assert read[name] == pytest.approx(alone[name], rel=1e-4)
        assert unread[name] is None
    [run] = side_by_side(dataclasses.replace(with_norms, fresh_images=0))
    assert run.epochs[-1]["test_loss_fresh"] is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [dict(placement="none"), dict(trained_norm_mode="inference")],
)
def test_networks_that_depend_on_no_such_statistics_have_no_reading(settings):
    for gated in (False, True):
        _, epochs, _ = trained(gated, **NORMED | settings)
        assert epochs[-1]["test_accuracy_fresh"] is None
        assert epochs[-1]["validation_loss_fresh"] is None


def test_norms_that_normalise_by_running_statistics_in_training_keep_them():
    freezing = Freezing(norms=frozenset({"block1/conv1"}), frozen_mode="inference")
    model = CNN(placement="all", freezing=freezing)
    stats = model.init(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))["batch_stats"]
    assert pooled_units(model) == {"block2_conv1", "fc_dense1"}
    assert reads_fresh(model, stats)
    everywhere = dataclasses.replace(freezing, mode="inference")
    assert not reads_fresh(model.clone(freezing=everywhere), stats)


@pytest.mark.slow
def test_behind_a_frozen_part_that_was_computed_once_they_are_the_same():
    settings = dict(model="cnn", image_size=6, placement="fc", freeze_until="block1", fresh_images=32)
    found = []
    for once in (True, False):
        run = prepare(config(**settings, precompute_frozen=once), DATA)
        precompute(run)
        found.append(fresh_of(run)["fc_dense1"]["norm"])
    for name, values in found[0].items():
        np.testing.assert_allclose(values, found[1][name], rtol=1e-4, atol=1e-5)


def test_both_readings_compute_once_what_lies_before_the_first_norm():
    """In one program, which is why a second reading costs less than a second evaluation."""
    run = prepare(config(model="cnn", placement="fc", image_size=6, kernels="xla"), DATA)
    state, images = run.state, DATA.test
    batch = Batch(images.images, images.labels, np.ones(len(images), np.float32))
    other = jax.tree.map(lambda leaf: leaf + 1, state.batch_stats)

    def flops(*statistics):
        lowered = run.programs.eval_step.lower(state.params, list(statistics), batch)
        return lowered.compile().cost_analysis()["flops"]

    assert flops(state.batch_stats, other) < 1.1 * flops(state.batch_stats)


@pytest.mark.slow
def test_one_program_evaluates_both_and_one_makes_the_statistics():
    """Whatever the statistics come from, they have one form."""
    run = trained(**NORMED, fresh_images=32, data=dataset())[0]
    assert run.programs.eval_step._cache_size() == run.programs.fresh_step._cache_size() == 1
