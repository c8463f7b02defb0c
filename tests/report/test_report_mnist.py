"""The MNIST report from records made here, with known answers."""

import dataclasses
import math

import numpy as np
import pytest
from PIL import Image
from test_report import FACTS, METRICS, report_process, units_of

from bnjax import records
from bnjax.report.figures.plots import apart
from bnjax.report.runs.recorded import load_runs
from bnjax.report.sections.mnist import late_accuracy, sweep_runs
from bnjax.settings.canonical import resolve
from bnjax.settings.identity import run_id
from bnjax.stats.intervals import estimate, paired_differences
from bnjax.studies import recipe
from bnjax.studies.mnist import MNIST


def record_run(folder, accuracies, flat=0, status="done", **settings):
    """Writes a run of the MNIST experiment whose epochs have these test accuracies and so many flat units."""
    config = resolve(dataclasses.replace(recipe("mnist", "published"), **settings))
    path = folder / run_id(config) / records.FILE_NAME
    path.parent.mkdir(parents=True)
    facts = dict(
        data={"name": config.dataset.partition(":")[0], "version": "3.0.1", "encoding": "png"},
        **FACTS,
        git_commit=None,
    )
    records.append(
        path, records.make_record("run", run_id(config), config=dataclasses.asdict(config), **facts)
    )
    dying = (
        units_of(config, silent=flat + 1, flat=flat, units=256, active=0.25)
        if config.probes != "none"
        else {}
    )
    told = dict(METRICS, train_accuracy=0.99, dying=dying, status="ok")
    told["train_batch_accuracy"] = {"lowest": 0.9, "median": 1.0, "perfect": 0.75}
    for number, accuracy in enumerate(accuracies, start=1):
        fields = dict(told, test_accuracy=accuracy, seconds=1.0, images_per_second=1.0)
        records.append(
            path, records.make_record("epoch", run_id(config), epoch=number, step=number, **fields)
        )
    end = dict(epochs=len(accuracies), steps=1, final={}, best={}, dying={}, state_sha256=None, seconds=1.0)
    records.append(path, records.make_record("summary", run_id(config), status=status, **end))


def test_the_interval_is_students():
    """Five values with mean 3 and standard deviation sqrt(2.5); t of 4 degrees at 97.5% is 2.776445."""
    found = estimate([1, 2, 3, 4, 5])
    half = 2.7764451 * math.sqrt(2.5) / math.sqrt(5)
    assert found.mean == 3
    assert found.n == 5
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-6)
    assert estimate([7.0]) == (7.0, None, None, 1)
    with pytest.raises(ValueError, match="no values"):
        estimate([])


def test_the_interval_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    found = [estimate(list(random.normal(1.0, 2.0, 5))) for _ in range(2000)]
    held = np.mean([one.low < 1.0 < one.high for one in found])
    assert abs(held - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 2000)


def test_differences_are_paired_by_seed():
    assert paired_differences({1: 5.0, 2: 7.0, 3: 1.0}, {2: 6.5, 1: 4.0, 9: 0.0}) == [1.0, 0.5]


def test_figures_do_not_mix_runs_of_different_length(tmp_path):
    for seed in range(2):
        record_run(tmp_path, [0.96] * 5, placement="dense", epochs=5, seed=seed)
        record_run(tmp_path, [0.98] * 9, placement="dense", epochs=9, seed=seed)
        record_run(tmp_path, [0.97] * 9, placement="none", epochs=9, seed=seed)
    record_run(tmp_path, [0.5] * 12, placement="dense", epochs=12, seed=0)
    found = sweep_runs(load_runs(tmp_path), MNIST.sweeps["bn-or-not"])
    assert {name: [len(run.epochs) for run in runs] for name, runs in found.items()} == {
        "with BN": [9, 9],
        "without BN": [9, 9],
    }
    assert [late_accuracy(run) for run in found["with BN"]] == pytest.approx([98, 98])


def test_labels_are_moved_apart_and_stay_below_the_top():
    assert apart([1.0, 5.0, 9.0], 1.0, 10.0) == [1.0, 5.0, 9.0]
    assert apart([1.0, 1.1, 1.2], 1.0, 10.0) == [1.0, 2.0, 3.0]
    assert apart([9.5, 9.9, 10.0], 1.0, 10.0) == [8.0, 9.0, 10.0]


def test_runs_whose_units_nobody_counted_are_in_the_tables_and_in_no_figure_of_units(tmp_path):
    for seed in (0, 1):
        for settings in MNIST.sweeps["bn-or-not"].values():
            record_run(tmp_path / "runs", [0.9] * 5, probes="none", seed=seed, epochs=5, **settings)
    process = report_process(str(tmp_path / "runs"), f"--figures={tmp_path / 'figures'}")
    assert process.returncode == 0, process.stderr
    assert "| dense | 2 | 90.00 [90.00, 90.00] |" in process.stdout
    assert [file.name for file in sorted((tmp_path / "figures").iterdir())] == [
        "runs-mlp-on-mnist-5-epochs-curves.png",
        "runs-mlp-on-mnist-5-epochs-dots.png",
    ]


def test_the_door_prints_and_draws(tmp_path):
    for seed in (0, 1):
        for settings in MNIST.sweeps["bn-or-not"].values():
            record_run(tmp_path / "runs", [0.9] * 5, flat=2, seed=seed, epochs=5, **settings)
    process = report_process(str(tmp_path / "runs"), f"--figures={tmp_path / 'figures'}")
    assert process.returncode == 0
    assert "| dense | 2 | 90.00 [90.00, 90.00] |" in process.stdout
    assert "4 runs; data mnist 3.0.1, png" in process.stdout
    assert "CIFAR" not in process.stdout
    files = sorted((tmp_path / "figures").iterdir())  # of what was run, and of nothing else
    assert [file.name for file in files] == [
        "mnist-bn-or-not-seeds.png",
        "mnist-bn-or-not.png",
        "runs-mlp-on-mnist-5-epochs-curves.png",
        "runs-mlp-on-mnist-5-epochs-dots.png",
    ]
    assert all(str(file) in process.stderr for file in files)
    for file in files:
        with Image.open(file) as picture:
            assert min(picture.size) > 250
            colours = picture.convert("RGB").getcolors(2**24)
        assert len(colours) > 20
