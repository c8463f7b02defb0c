"""The DataFrame of a folder of runs: choosing from it, and what may be averaged."""

import pytest
from test_report import record_run as record_cifar10
from test_report_mnist import record_run

import bnjax.report
from bnjax.report.runs.frame import frame_of
from bnjax.report.runs.recorded import load_runs


def test_the_frame_can_be_chosen_from_and_never_mixes_unlike_runs(tmp_path):
    for size in (10, 100):
        for placement in ("none", "dense"):
            for seed in (0, 1):
                told = dict(placement=placement, batch_size=size, seed=seed, epochs=2)
                record_run(tmp_path, [0.1, size / 1000 + seed / 10], **told)
    record_cifar10(tmp_path, [0.5], placement="conv,dense", epochs=1)
    frame = bnjax.report.load(tmp_path)
    last = frame.groupby("run_id").tail(1)
    means = last.groupby(["comparison", "condition"]).test_accuracy.mean().to_dict()
    assert means == pytest.approx(
        {
            ("cnn on cifar10, 1 epoch", "conv,dense"): 0.5,
            **{("mlp on mnist, 2 epochs", name): 0.15 for name in ("none", "dense")},
            **{("mlp on mnist, 2 epochs", f"{name}, batch size 10"): 0.06 for name in ("none", "dense")},
        }
    )
    assert set(bnjax.report.load(tmp_path, placement="conv,dense").model) == {"cnn"}
    few = bnjax.report.load(tmp_path, study="mnist", placement="dense", seed=[1, 7])
    assert (set(few.batch_size), set(few.seed), len(few)) == ({10, 100}, {1}, 4)
    assert set(few.condition) == {"dense", "dense, batch size 10"}


def test_settings_that_no_run_has_are_answered_with_those_there_are(tmp_path):
    record_run(tmp_path, [0.9], placement="dense", epochs=1)
    with pytest.raises(LookupError, match=r"^no run has dropout 0\.3, 0\.5; there are 0\.0$"):
        bnjax.report.load(tmp_path, dropout=[0.3, 0.5])
    with pytest.raises(LookupError, match=r"^no run has placement conv; there are dense$"):
        bnjax.report.load(tmp_path, placement="conv")
    with pytest.raises(TypeError, match="droput is no setting of a run; there are study, "):
        bnjax.report.load(tmp_path, droput=0.3)


def test_columns_of_sites_are_in_the_networks_order_also_of_older_records(tmp_path):
    """Those had them by their names."""
    names = [f"fc/dense{number}" for number in range(1, 12)]
    record_run(tmp_path, [0.9], hidden_layers=11, epochs=1)
    [run] = load_runs(tmp_path)
    run.epochs[-1]["dying"] = dict(sorted(run.epochs[-1]["dying"].items()))
    assert list(run.epochs[-1]["dying"]) != names
    silent = [name for name in frame_of([run]) if name.startswith("silent:")]
    assert silent == [f"silent:{name}" for name in names]
