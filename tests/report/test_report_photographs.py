"""The figures of the experiments on photographs, from made-up records."""

import dataclasses

import pytest
from test_report import FACTS, METRICS, units_of

from bnjax import records
from bnjax.report.figures.photograph_figures import comparison_figure, comparisons
from bnjax.report.figures.pictures import drawings
from bnjax.report.runs.recorded import load_runs
from bnjax.report.runs.selected import first_epochs
from bnjax.settings.canonical import resolve
from bnjax.settings.identity import run_id
from bnjax.studies import STUDIES, recipe


def record_run(folder, experiment, losses, epoch_fields=None, **settings):
    """Writes a run whose epochs have these test losses."""
    config = resolve(dataclasses.replace(recipe(experiment, "published"), **settings))
    path = folder / run_id(config) / records.FILE_NAME
    path.parent.mkdir(parents=True)
    facts = dict(
        data={"name": "folder:photos", "version": "1", "encoding": "jpeg (lossy)", "train_images": 750},
        **FACTS,
        git_commit=None,
    )
    records.append(
        path, records.make_record("run", run_id(config), config=dataclasses.asdict(config), **facts)
    )
    told = METRICS | dict(test_accuracy=0.75, dying=units_of(config), status="ok") | (epoch_fields or {})
    for number, loss in enumerate(losses, start=1):
        fields = dict(told, test_loss=loss, seconds=1.0, images_per_second=1.0)
        records.append(
            path, records.make_record("epoch", run_id(config), epoch=number, step=number, **fields)
        )
    end = dict(epochs=len(losses), steps=1, final={}, best={}, dying={}, state_sha256=None, seconds=1.0)
    records.append(path, records.make_record("summary", run_id(config), status="done", **end))


def test_runs_are_compared_that_differ_in_the_sweeps_factors_alone(tmp_path):
    for seed in (0, 1):
        for settings in STUDIES["mobilenet"].sweeps["order"].values():
            record_run(tmp_path, "mobilenet", [1.0, 0.5], seed=seed, epochs=2, **settings)
    after = STUDIES["mobilenet"].sweeps["order"]["after"]
    record_run(tmp_path, "mobilenet", [1.0, 0.25], seed=2, epochs=2, learning_rate=0.5, **after)
    [found] = comparisons(load_runs(tmp_path))
    assert (found.study.name, found.sweep) == ("mobilenet", "order")
    assert found.name == "mobilenet-order-folder-photos"
    assert {name: [run.config.seed for run in runs] for name, runs in found.found.items()} == {
        "before": [0, 1],
        "after": [0, 1],
    }


def test_comparisons_on_the_same_data_have_names_of_their_own(tmp_path):
    for epochs in (2, 3):
        for settings in STUDIES["mobilenet"].sweeps["order"].values():
            record_run(tmp_path, "mobilenet", [1.0] * epochs, epochs=epochs, **settings)
    names = [found.name for found in comparisons(load_runs(tmp_path))]
    assert names == ["mobilenet-order-folder-photos", "mobilenet-order-folder-photos-2"]


def test_a_schedule_that_ends_with_the_last_epoch_is_another_condition(tmp_path):
    for epochs in (2, 3):
        for settings in STUDIES["mobilenet"].sweeps["order"].values():
            record_run(tmp_path, "mobilenet", [1.0] * epochs, epochs=epochs, schedule="cosine", **settings)
    titles = [found.title for found in comparisons(first_epochs(load_runs(tmp_path), 2))]
    assert [title.rpartition(", ")[2] for title in sorted(titles)] == ["2 epochs", "2 of 3 epochs"]


@pytest.mark.slow
def test_fine_tuning_shows_the_gap_between_evaluation_and_training(tmp_path):
    gaps = {"train": 0.0, "frozen": 0.5, "inference": 0.0}
    for settings in STUDIES["finetune"].sweeps["modes"].values():
        seen = dict(train_loss=0.25, train_evaluation_loss=0.25 + gaps[settings["norm_mode"]])
        record_run(tmp_path, "finetune", [0.75, 0.5], seen, epochs=2, weights="a.h5", **settings)
    runs = load_runs(tmp_path)
    [found] = [one for one in comparisons(runs) if one.sweep == "modes"]
    figure = comparison_figure(found)
    upper, lower = figure.axes
    assert "test loss" in upper.get_ylabel()
    assert [list(line.get_ydata()) for line in lower.get_lines()] == [[0, 0], [0.5, 0.5], [0, 0]]
    assert "0.070" in figure.get_suptitle()
    pictures = {drawing.name: drawing for drawing in drawings(runs)}
    alt = pictures["finetune-modes-folder-photos"].alt
    assert "BN frozen: lowest held-out loss 0.5 nats, n = 1." in alt
