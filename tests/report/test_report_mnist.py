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
from bnjax.report.sections.mnist import mnist_table
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
        data={"name": "mnist", "version": "3.0.1", "encoding": "png"},
        **FACTS,
        git_commit=None,
    )
    records.append(
        path, records.make_record("run", run_id(config), config=dataclasses.asdict(config), **facts)
    )
    dying = units_of(config, silent=flat + 1, flat=flat, units=256, active=0.25)
    told = dict(METRICS, train_accuracy=0.99, dying=dying, status="ok")
    told["train_batch_accuracy"] = {"lowest": 0.9, "median": 1.0, "perfect": 0.75}
    for number, accuracy in enumerate(accuracies, start=1):
        fields = dict(told, test_accuracy=accuracy, seconds=1.0, images_per_second=1.0)
        records.append(
            path, records.make_record("epoch", run_id(config), epoch=number, step=number, **fields)
        )
    end = dict(epochs=len(accuracies), steps=1, final={}, best={}, dying={}, state_sha256=None, seconds=1.0)
    records.append(path, records.make_record("summary", run_id(config), status=status, **end))


def rows_of(table):
    """(condition, what) -> the cells behind them."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    return {(condition, what): rest for _, condition, what, *rest in rows}


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


def test_the_table_says_what_was_measured(tmp_path):
    for seed, (with_bn, without) in enumerate([(0.970, 0.980), (0.974, 0.980), (0.975, 0.981)]):
        record_run(tmp_path, [0.1] * 3 + [with_bn] * 5, placement="dense", seed=seed)
        record_run(tmp_path, [0.1] * 3 + [without] * 5, flat=seed + 3, placement="none", seed=seed)
    record_run(tmp_path, [0.5] * 8, placement="none", seed=9, status="interrupted")
    rows = rows_of(mnist_table(load_runs(tmp_path)))
    assert rows["with BN", "most flat units"] == ["0.0 of 256", "0.0 to 0.0", "3"]
    assert rows["without BN", "most flat units"][0::2] == ["4.0 of 256", "3"]
    assert rows["without BN", "silent units"][0::2] == ["5.0 of 256", "3"]
    assert rows["without BN", "images activating the median unit"][0] == "25.00 %"
    assert rows["with BN", "test accuracy"][0] == "97.30 %"
    assert rows["with BN", "training batches without an error"][0] == "75.00 %"
    # -1.0, -0.6 and -0.6 points: mean -0.7333, deviation 0.2309, t of 2 degrees 4.302653.
    half = 4.302653 * 0.230940 / math.sqrt(3)
    interval = f"{-0.733333 - half:.2f} to {-0.733333 + half:.2f}"
    assert rows["with BN", "test accuracy, minus without BN"] == ["-0.73 points", interval, "3"]
    assert not any(condition.startswith(("Adam", "ReLU")) for condition, _ in rows)  # the same runs


def test_runs_of_different_length_are_compared_up_to_an_epoch(tmp_path):
    record_run(tmp_path, [0.1] * 3 + [0.96] * 5 + [0.99] * 2, placement="dense", epochs=10)
    record_run(tmp_path, [0.1] * 3 + [0.95] * 5, placement="none", epochs=8)
    record_run(tmp_path, [0.5] * 4, placement="none", epochs=4)
    process = report_process(str(tmp_path), "8")
    rows = rows_of(process.stdout.partition("\n\n")[0])
    assert rows["with BN", "test accuracy"] == ["96.00 %", "-", "1"]
    assert rows["with BN", "test accuracy, minus without BN"] == ["+1.00 points", "-", "1"]
    assert "last 5 epochs up to epoch 8; 2 runs" in process.stdout


def test_runs_of_different_length_are_not_mixed(tmp_path):
    for seed in range(2):
        record_run(tmp_path, [0.96] * 5, placement="dense", epochs=5, seed=seed)
        record_run(tmp_path, [0.98] * 9, placement="dense", epochs=9, seed=seed)
        record_run(tmp_path, [0.97] * 9, placement="none", epochs=9, seed=seed)
    record_run(tmp_path, [0.5] * 12, placement="dense", epochs=12, seed=0)
    rows = rows_of(mnist_table(load_runs(tmp_path)))
    assert rows["with BN", "test accuracy"] == ["98.00 %", "98.00 to 98.00", "2"]
    assert rows["with BN", "test accuracy, minus without BN"][0::2] == ["+1.00 points", "2"]


def test_labels_are_moved_apart_and_stay_below_the_top():
    assert apart([1.0, 5.0, 9.0], 1.0, 10.0) == [1.0, 5.0, 9.0]
    assert apart([1.0, 1.1, 1.2], 1.0, 10.0) == [1.0, 2.0, 3.0]
    assert apart([9.5, 9.9, 10.0], 1.0, 10.0) == [8.0, 9.0, 10.0]


def test_the_door_prints_the_table_and_draws(tmp_path):
    for seed in (0, 1):
        for settings in MNIST.sweeps["bn-or-not"].values():
            record_run(tmp_path / "runs", [0.9] * 5, flat=2, seed=seed, **settings)
    process = report_process(str(tmp_path / "runs"), f"--figures={tmp_path / 'figures'}")
    assert process.returncode == 0
    assert "| with BN | test accuracy | 90.00 % | 90.00 to 90.00 | 2 |" in process.stdout
    assert "4 runs; data mnist 3.0.1, png" in process.stdout
    assert "CIFAR" not in process.stdout
    files = sorted((tmp_path / "figures").iterdir())  # of what was run, and of nothing else
    assert [file.name for file in files] == ["mnist-bn-or-not-seeds.png", "mnist-bn-or-not.png"]
    assert all(str(file) in process.stderr for file in files)
    for file in files:
        with Image.open(file) as picture:
            assert min(picture.size) > 600
            colours = np.asarray(picture.convert("RGB")).reshape(-1, 3)
        assert len(np.unique(colours, axis=0)) > 20
