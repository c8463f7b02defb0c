"""Tables from records made here, with known answers."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from starting import PATIENCE

from bnjax import records
from bnjax.report.runs.frame import frame_of
from bnjax.report.runs.readings import reading_of
from bnjax.report.runs.recorded import RecordedRun, load_runs, total
from bnjax.report.sections.provenance import provenance
from bnjax.settings.canonical import resolve
from bnjax.settings.identity import run_id
from bnjax.studies import recipe
from bnjax.studies.cifar10_logs import LOGGED_ACCURACY

ROOT = Path(__file__).parents[2]
#: What made-up epochs say where nothing else is asked for.
METRICS = dict(
    train_loss=1.0, train_accuracy=0.5, test_loss=1.0, validation_loss=None, validation_accuracy=None
)
#: What made-up runs say of themselves beside their config, their data and their commit.
FACTS = dict(
    sites={},
    parameters=1,
    versions={"jax": "1", "flax": "2"},
    device={"count": 1, "kind": "cpu"},
    started="now",
)


def units_of(config, **counts):
    """What a made-up epoch says of each site's units."""
    told = {"silent": 0, "flat": 0, "units": 1024, "active": 0.5} | counts
    return {site.name: told for site in config.sites if not site.linear}


def record_run(folder, accuracies, recipe_name="published", **settings):
    """Writes a run whose epochs have these test accuracies; its dense layer has 7 silent units."""
    config = resolve(dataclasses.replace(recipe("cifar10", recipe_name), **settings))
    path = folder / run_id(config) / records.FILE_NAME
    path.parent.mkdir(parents=True)
    facts = dict(
        data={"name": "cifar10", "version": "3.0.2", "encoding": "jpeg (lossy)"},
        **FACTS,
        git_commit="0123456789abcdef",
    )
    records.append(
        path, records.make_record("run", run_id(config), config=dataclasses.asdict(config), **facts)
    )
    dying = units_of(config, silent=7)
    for number, accuracy in enumerate(accuracies, start=1):
        told = dict(METRICS, test_accuracy=accuracy, dying=dying, status="ok")
        speed = dict(seconds=1.0, images_per_second=1.0)
        records.append(
            path, records.make_record("epoch", run_id(config), epoch=number, step=number, **told, **speed)
        )


def test_flat_units_are_summed_over_the_sites_that_count_them():
    trained, frozen = {"silent": 1, "flat": 2, "units": 4}, {"silent": 1, "flat": None, "units": 4}
    assert total({"a": trained, "b": trained}, "flat") == 4
    assert total({"a": trained, "b": frozen}, "flat") == 2
    assert total({"a": frozen}, "flat") is None
    assert total({}, "flat") is None
    assert [total({"a": trained, "b": frozen}, count) for count in ("silent", "units")] == [1, 4]
    assert total({"a": frozen}, "silent") is None


def epochs_of(*dying):
    told = dict(train_batch_accuracy={}, status="ok")
    return [dict(told, epoch=number, dying=of_epoch) for number, of_epoch in enumerate(dying, start=1)]


def test_readings_and_frames_bear_units_that_are_not_trained():
    trained, frozen = {"silent": 1, "flat": 2, "units": 4}, {"silent": 1, "flat": None, "units": 4}
    config = dataclasses.asdict(resolve(recipe("mnist", "published")))
    facts = dict(run_id="x", study="mnist", config=config, data={"name": "mnist"}, **FACTS, git_commit=None)
    half = RecordedRun(facts, epochs_of(*2 * [{"a": trained, "b": frozen}]), None)
    none = RecordedRun(facts, epochs_of(*2 * [{"a": frozen, "b": frozen}]), None)
    assert (reading_of("most_flat", half), reading_of("most_flat", none)) == (2.0, None)
    frame = frame_of([half, none])
    assert frame["flat"].dtype == frame["flat:b"].dtype == float
    assert frame["flat"].fillna(-1).tolist() == [2, 2, -1, -1]
    assert frame["silent"].fillna(-1).tolist() == [1, 1, -1, -1]  # frozen units are not dying
    assert frame["silent:b"].tolist() == [1, 1, 1, 1]


def test_what_numbers_rest_on_names_data_and_seeds(tmp_path):
    record_run(tmp_path, [0.5])
    record_run(tmp_path, [0.5], seed=10)
    record_run(tmp_path, [0.5], seed=2)
    assert "jpeg (lossy)" in provenance(load_runs(tmp_path))
    assert "seeds 0, 2, 10" in provenance(load_runs(tmp_path))


def test_published_numbers_cover_the_twelve_conditions():
    assert len(LOGGED_ACCURACY) == 12
    assert all(set(found) == {5, 10, 20, 50, 100, 200, 390} for found in LOGGED_ACCURACY.values())


def report_process(*arguments):
    command = [sys.executable, str(ROOT / "experiments/report.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_the_door_prints_the_table(tmp_path):
    record_run(tmp_path, [0.1] * 4 + [0.50], placement="conv,dense", epochs=5)
    done = report_process(str(tmp_path))
    assert done.returncode == 0
    assert "| conv,dense | 1 | 50.00 |" in done.stdout


@pytest.mark.parametrize("arguments", [(), ("/nowhere",), (".", "five"), (".", "0"), ("a", "b", "c")])
def test_wrong_usage_ends_with_2_and_a_line(arguments):
    done = report_process(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_a_folder_without_runs_ends_with_1(tmp_path):
    done = report_process(str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no runs in {tmp_path}" in done.stderr


def test_a_damaged_file_is_named(tmp_path):
    record_run(tmp_path, [0.5])
    path = next(tmp_path.rglob(records.FILE_NAME))
    path.write_text(json.dumps({"kind": "run"}) + "\n" + path.read_text())
    record_run(tmp_path, [0.5], seed=1)
    done = report_process(str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"report.py: {path}, line 1: run record: field 'schema' is missing; the run is left out"
    ]
    assert "seeds 1;" in done.stdout
