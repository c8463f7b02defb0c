"""What is said of running statistics: before training, and where evaluation falls far behind it."""

from types import SimpleNamespace

import pytest
from small_runs import config, dataset

from bnjax import records
from bnjax.runs import run as run_module
from bnjax.runs.recording.advice import after_training, before_training, diagnosis, tell_after
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.settings.places import record_path
from bnjax.sweeps import task as task_module
from bnjax.sweeps.plan import Task
from bnjax.train.programs.shared import Programs

FROZEN = dict(placement="all", freeze_until="block1")


def lines_before(steps=10_000, **settings):
    return before_training(resolve(Config(**settings)), steps)


@pytest.mark.parametrize("mode", ["inference", "frozen"])
def test_norms_that_never_update_fresh_statistics_are_told(mode):
    [line] = lines_before(**FROZEN, norm_mode=mode)
    assert f"--norm_mode={mode}" in line
    assert "mean 0 and variance 1" in line
    assert ("training and evaluation normalises nothing" in line) == (mode == "inference")
    assert "set --norm_mode=train, or give weights" in line
    [line] = lines_before(placement="all", trained_norm_mode=mode)
    assert f"--trained_norm_mode={mode}" in line


def test_statistics_that_come_with_weights_are_not_told():
    assert lines_before(**FROZEN, norm_mode="inference", weights="runs/1") == []
    assert lines_before(**FROZEN, norm_mode="inference", pretrain="digits") == []
    assert (
        lines_before(placement="dense", freeze_until="block1", norm_mode="inference") == []
    )  # no norm there


def test_statistics_that_stay_mostly_initial_are_told():
    assert lines_before(steps=230, placement="all") == []  # 0.99^230 is 0.099
    [line] = lines_before(steps=110, placement="all")
    assert "after its 110 steps, running statistics are still 33% initial values" in line
    assert line.endswith("set --norm_momentum=0.95")  # 0.95^110 is 0.004
    [line] = lines_before(placement="all", norm_momentum=1)
    assert "100% initial" in line
    for settings in ({}, {"trained": "pooled-statistics"}, {"trained_norm_mode": "keras2-train"}):
        placement = "all" if settings else "none"
        assert lines_before(steps=1, placement=placement, **settings) == []


def lines_after(train, test, seen=None, steps=4, **settings):
    last = dict(train_accuracy=train, test_accuracy=test, train_evaluation_accuracy=seen)
    return after_training(resolve(Config(placement="all", **settings)), last, steps)


def test_an_evaluation_far_behind_training_may_be_statistics_that_lag():
    [line] = lines_after(1.0, 0.11)
    assert "training accuracy 100%, but 11% on test images (which may be overfitting)" in line
    assert "running statistics may lag" in line
    assert "--trained=pooled-statistics" in line
    [line] = lines_after(1.0, 0.1, seen=0.11, steps=10_000)
    assert "11% on the same images in evaluation mode" in line
    assert "overfitting" not in line


def test_no_lag_is_claimed_where_something_else_is_likelier():
    assert lines_after(1.0, 0.85) == []
    assert lines_after(1.0, 0.4, seen=0.99) == []  # it overfits
    assert lines_after(1.0, 0.4, steps=390) == []  # statistics of the last epoch
    assert lines_after(None, None) == []  # it diverged
    assert lines_after(1.0, 0.1, trained_norm_mode="keras2-train") == []
    last = dict(train_accuracy=1.0, test_accuracy=0.1)
    assert after_training(resolve(Config()), last, 4) == []


def test_no_guess_is_made_where_fresh_statistics_were_measured():
    config = resolve(Config(placement="all"))
    last = dict(train_accuracy=0.9, test_accuracy=0.26, test_accuracy_fresh=0.55)
    assert after_training(config, last, 4) == []
    assert len(after_training(config, last | dict(test_accuracy_fresh=None), 4)) == 1


def test_what_records_show_is_one_line():
    config = resolve(Config(placement="all", norm_momentum=0.999))
    lagging = dict(epoch=1, test_accuracy=0.26, test_accuracy_fresh=0.55)
    [line] = diagnosis(config, [lagging])
    assert "fresh statistics give 55.0% test accuracy where running ones give 26.0%" in line
    [line] = diagnosis(config, [lagging, dict(epoch=2, status="diverged")])
    assert line.startswith("(1) the loss was not finite in epoch 2; ")
    assert "; (2) evaluation lags" in line
    assert line.endswith(f"(bnjax diagnose {record_path(config).parent})")
    assert diagnosis(config, [lagging | dict(test_accuracy_fresh=0.3)]) == diagnosis(config, []) == []


def test_a_run_says_at_its_end_what_its_records_show(capfd):
    settings = resolve(Config(placement="all"))
    lagging = dict(epoch=1, train_accuracy=0.9, test_accuracy=0.26, test_accuracy_fresh=0.55)
    tell_after(SimpleNamespace(config=settings, epochs=[lagging], steps_per_epoch=4))
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith(f"run {run_id(settings)}: evaluation lags: fresh statistics give 55.0%")
    tell_after(SimpleNamespace(config=settings, epochs=[], steps_per_epoch=4))
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_runs_say_it_once_and_record_what_an_epoch_trains(tmp_path, monkeypatch, capfd):
    data = dataset(train_count=47)
    monkeypatch.setattr(run_module, "load_images", lambda _: data)
    monkeypatch.setattr(task_module, "load_images", lambda _: data)
    alone, *lanes = (config(placement="all", epochs=1, seed=seed, out_dir=str(tmp_path)) for seed in range(3))
    for configs in ((alone,), tuple(lanes)):
        task_module.make(Task(configs, gated=True), Programs(), lambda _: None, lambda *_: None)
        [line] = [line for line in capfd.readouterr().err.splitlines() if "initial values" in line]
        assert line.startswith(f"run {run_id(configs[0])}")
        assert ("and another one" in line) == (len(configs) > 1)
    for each in (alone, *lanes):
        assert records.read(record_path(each))[0]["data"]["trained_per_epoch"] == 32
