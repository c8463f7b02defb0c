"""Pooled statistics of a run: those of all training images, whatever whole batches leave over."""

import numpy as np
import pytest
from small_runs import config, dataset

from bnjax.process.progress import Progress
from bnjax.runs.group import Alone
from bnjax.runs.lanes import join_runs, prepare_lane_runs
from bnjax.runs.loop import train
from bnjax.runs.training import check_rest, prepare
from bnjax.settings.fields import ConfigError
from bnjax.train.mesh import data_mesh
from bnjax.train.programs.shared import Programs
from bnjax.train.programs.stepping import order_parts

DATA = dataset(train_count=128)
SETTINGS = dict(trained="pooled-statistics", placement="all", order="before", batch_size=48, epochs=2)


def test_the_last_part_of_an_order_is_what_whole_batches_leave_over():
    order = np.arange(2 * 11).reshape(2, 11)
    *whole, (rest, taken) = order_parts(order, 4, 3)
    assert [(part.shape, steps) for part, steps in whole] == [((2, 4, 3), 3)]
    assert (rest.tolist(), taken, rest.dtype) == ([[[9, 10]], [[20, 21]]], 1, np.int32)
    assert [steps for _, steps in order_parts(order, 4, 3, first=3)] == [1]
    assert list(order_parts(order, 4, 3, first=4)) == []
    assert [steps for _, steps in order_parts(order, 3, 3)] == [3]


def first_norms_input(run):
    """Of all training images, in float64: [images, features] or [pixels of all images, features]."""
    images = DATA.train.images.astype(np.float64)
    name = run.model.sites[0].name.replace("/", "_")
    unit = {
        key: np.asarray(leaf, np.float64) for key, leaf in run.state.params[name].items() if key != "norm"
    }
    if run.config.model == "mlp":
        return images.reshape(len(images), -1) @ unit["kernel"] + unit["bias"], name
    padded = np.pad(images, [(0, 0), (2, 2), (2, 2), (0, 0)])
    patches = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), (1, 2))
    convolved = np.einsum("bhwcij,ijcf->bhwf", patches, unit["kernel"]) + unit["bias"]
    return convolved.reshape(-1, convolved.shape[-1]), name


def assert_pooled(run):
    inputs, name = first_norms_input(run)
    stats = run.state.batch_stats[name]["norm"]
    np.testing.assert_allclose(stats["mean"], inputs.mean(0), rtol=1e-5, atol=1e-5 * inputs.std())
    np.testing.assert_allclose(stats["var"], inputs.var(0), rtol=1e-5)
    assert int(stats["count"]) == 2 * 128


@pytest.mark.slow
@pytest.mark.parametrize(("model", "shuffle"), [("mlp", "none"), ("mlp", "epoch"), ("cnn", "none")])
def test_a_run_pools_all_images(model, shuffle):
    run, told = prepare(config(**SETTINGS, model=model, shuffle=shuffle), DATA), []
    train(Alone(run), lambda lane, kind, **fields: told.append(fields), Progress(1, 1))
    assert [epoch["step"] for epoch in told] == [3, 6] == [run.steps_per_epoch, int(run.state.step)]
    assert_pooled(run)


@pytest.mark.slow
def test_lanes_pool_all_images():
    runs = [config(**SETTINGS, model="mlp", seed=seed) for seed in (0, 1)]
    programs = Programs()
    lanes = join_runs(prepare_lane_runs(runs, DATA, programs), programs)
    train(lanes, lambda *told, **fields: None, Progress(1, 1))
    for run in lanes.runs:
        assert_pooled(run)


def test_several_devices_cannot_share_some_rests(monkeypatch):
    mesh = data_mesh()
    check_rest(config(**SETTINGS, model="mlp"), 128, mesh)

    class Three:
        size, is_multi_process = 3, False

    with pytest.raises(
        ConfigError, match=r"--batch_size=48 leaves 32 of 128 training images over, which 3 dev"
    ):
        check_rest(config(**SETTINGS, model="mlp"), 128, Three)
    check_rest(config(**SETTINGS, model="mlp"), 96, Three)
