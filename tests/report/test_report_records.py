"""Damaged records in every form of the report: the run is left out and named, and all others count."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from test_report import report_process
from test_report_claims import LOWER, accurate, made_claim
from test_report_mnist import record_run

import bnjax.report
from bnjax import records
from bnjax.report.page.results import keep
from bnjax.report.runs.frame import LeftOut
from bnjax.report.runs.recorded import load_runs, load_sound_runs, total
from bnjax.report.verdicts.shelf import Shelf


def changed(run, place, value):
    """The records of a run with one value another; ``place`` is kind, number, and names within."""
    kind, number, *names, last = place
    item = [record for record in run if record["kind"] == kind][number]
    for name in names:
        item = item[name]
    item[last] = value
    return run


def rewrite(path, *place_and_value):
    *place, value = place_and_value
    run = changed([json.loads(line) for line in path.read_text().splitlines()], place, value)
    path.write_text("".join(json.dumps(record) + "\n" for record in run))


@pytest.fixture
def damaged(tmp_path):
    """Two sound runs, and the file of a third one that is to be damaged."""
    for seed in (0, 1):
        record_run(tmp_path, [0.9, 0.95], placement="none", seed=seed, epochs=2)
    before = set(tmp_path.rglob(records.FILE_NAME))
    record_run(tmp_path, [0.5, 0.5], placement="none", seed=2, epochs=2)
    [path] = set(tmp_path.rglob(records.FILE_NAME)) - before
    return path


DAMAGE = {
    "percent": (("epoch", 1, "test_accuracy", 97.5), "line 3: epoch record: test_accuracy is 97.5"),
    "null": (("epoch", 0, "test_accuracy", None), "line 2: epoch record: test_accuracy is null"),
    "seed": (("run", 0, "config", "seed", "0"), "line 1: run record: config.seed is '0', not an integer"),
    "other seed": (("run", 0, "config", "seed", 5), "line 1: run record: config is not that of run"),
    "later setting": (("run", 0, "run_id", "0" * 12), "line 2: a record of run"),
    "data": (("run", 0, "data", {}), "line 1: run record: data lacks encoding, name, version"),
    "device": (("run", 0, "device", {}), "line 1: run record: device lacks count, kind"),
    "text": (("epoch", 0, "dying", "fc/dense1", "x"), "line 2: epoch record: dying.fc/dense1 is 'x'"),
    "odd site": (("epoch", 1, "dying", "a\nb", {}), r"line 3: epoch record: dying.a\nb lacks"),
    "no site": (("epoch", 1, "dying", {}), "line 3: epoch record: dying lacks 'fc/dense1'"),
    "another site": (("epoch", 1, "dying", "fc/x", {}), "line 3: epoch record: dying.fc/x lacks"),
    "epochs": (("summary", 0, "epochs", 3), "line 4: the summary counts 3 epochs, and there are 2"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_run_is_named_and_all_others_count(what, damaged, tmp_path):
    place_and_value, told = DAMAGE[what]
    rewrite(damaged, *place_and_value)
    runs, problems = load_sound_runs(tmp_path)
    assert sorted(run.config.seed for run in runs) == [0, 1]
    assert len(problems) == 1
    assert problems[0].startswith(f"{damaged}, {told}")
    assert problems[0].endswith("; the run is left out")


def test_every_form_of_the_report_names_it(damaged, tmp_path):
    rewrite(damaged, "epoch", 1, "test_accuracy", 97.5)
    told = f"{damaged}, line 3: epoch record: test_accuracy is 97.5, outside 0 to 1"
    for form in ([], ["--format=markdown"], [f"--out={tmp_path / 'page.html'}"]):
        done = report_process(str(tmp_path), *form)
        assert done.returncode == 0
        assert [line for line in done.stderr.splitlines() if told in line] == [
            f"report.py: {told}; the run is left out"
        ]
    assert told in (tmp_path / "page.html").read_text(encoding="utf-8")
    with pytest.warns(LeftOut, match="test_accuracy is 97.5"):
        assert set(bnjax.report.load(tmp_path).seed) == {0, 1}
    lines = []
    assert len(keep(tmp_path, tmp_path / "kept", lines.append)) == 2
    assert lines == [f"{told}; the run is left out"]


def test_fields_of_a_later_version_are_told_once(damaged, tmp_path):
    for path in tmp_path.rglob(records.FILE_NAME):
        for number in (0, 1):
            rewrite(path, "epoch", number, "colour", "red")
        rewrite(path, "run", 0, "config", "shade", "none")
    runs, problems = load_sound_runs(tmp_path)
    assert len(runs) == 3
    assert len(problems) == 2
    with pytest.warns(LeftOut):
        assert not {"colour", "shade"} & set(bnjax.report.load(tmp_path))
    for name in ("epoch.colour", "run.config.shade"):
        assert sum(f"field '{name}' comes from a later version" in line for line in problems) == 1


def test_of_a_run_in_several_folders_the_newest_that_ended_counts(tmp_path):
    told = dict(placement="none", seed=0, epochs=2)
    for name, status, accuracy, started in (
        ("a", "done", 0.5, "2026-01-01"),
        ("b", "done", 0.75, "2026-01-03"),
        ("c", "done", 0.25, "2026-01-02"),
        ("d", "interrupted", 0.125, "2026-01-04"),
    ):
        record_run(tmp_path / name, [accuracy] * 2, status=status, **told)
        [path] = (tmp_path / name).rglob(records.FILE_NAME)
        rewrite(path, "run", 0, "started", started)
    runs, problems = load_sound_runs(tmp_path)
    assert [run.epochs[0]["test_accuracy"] for run in runs] == [0.75]
    assert len(problems) == 3
    name = runs[0].run["run_id"]
    for folder in "acd":
        path = tmp_path / folder / name / records.FILE_NAME
        assert any(line.startswith(f"{path}: run {name} is left out") for line in problems)


@pytest.mark.parametrize("newer", ["mnist", "mnist:3.0.1"])
def test_claims_take_the_newest_run_of_a_seed_too(newer, tmp_path):
    for dataset in ("mnist", "mnist:3.0.1"):
        accuracy, started = (0.25, "2026-01-02") if dataset == newer else (0.5, "2026-01-01")
        before = set(tmp_path.rglob(records.FILE_NAME))
        accurate(tmp_path, "dense", accuracy, 0, dataset=dataset)
        [path] = set(tmp_path.rglob(records.FILE_NAME)) - before
        rewrite(path, "run", 0, "started", started)
    accurate(tmp_path, "none", 0.75, 0)
    runs, problems = load_sound_runs(tmp_path)
    assert problems == []
    [judged] = Shelf(runs).judge(made_claim(LOWER), "published")
    assert judged.found[0].estimate.mean == pytest.approx(-50)
    assert judged.left_out == {"repeated": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_folder_named_in_no_utf_8_is_shown_and_the_page_is_whole(tmp_path):
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    record_run(odd, [0.9, 0.9], placement="none", epochs=2, dataset=f"folder:{odd}")
    [path] = odd.rglob(records.FILE_NAME)
    rewrite(path, "run", 0, "data", "name", f"folder:{odd.name}")
    (odd / "empty").mkdir()
    (odd / "empty" / records.FILE_NAME).touch()
    page = tmp_path / "page.html"
    page.write_text("old")
    for form in (["--out", str(page)], ["--format=markdown"], []):
        done = report_process(str(tmp_path), *form)
        assert "Traceback" not in done.stderr
        assert r"caf\udce9/empty/metrics.jsonl: empty" in done.stderr
    assert r"folder:caf\udce9" in page.read_text(encoding="utf-8")


def test_units_that_an_earlier_bnjax_called_flat_although_nothing_trained_them_are_not(tmp_path):
    shutil.copy(Path(__file__).parents[2] / "experiments" / "results" / "finetune.jsonl.gz", tmp_path)
    frozen = [run for run in load_runs(tmp_path) if run.config.freeze_until]
    assert frozen
    for run in frozen:
        units = run.epochs[-1]["dying"]
        assert units["block1/conv1"]["flat"] is None
        assert units["block1/conv1"]["silent"] is not None
        assert total(units, "units") == sum(
            site["units"] for site in units.values() if site["flat"] is not None
        )


def test_a_null_where_units_are_counted_is_no_count(tmp_path):
    record_run(tmp_path, [0.9, 0.9], placement="none", epochs=2)
    [path] = tmp_path.rglob(records.FILE_NAME)
    site = next(iter(json.loads(path.read_text().splitlines()[1])["dying"]))
    rewrite(path, "epoch", 1, "dying", site, "flat", None)
    runs, [problem] = load_sound_runs(tmp_path)
    assert runs == []
    assert f"dying.{site}.flat is null, and that kernel is trained" in problem
    assert f"{path}, line 3" in problem
