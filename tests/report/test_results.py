"""The page of results: kept records, the table and the pictures made from them."""

import json
from pathlib import Path

import pytest
from test_report_mnist import record_run

from bnjax import records
from bnjax.report.page.build import folder_report
from bnjax.report.page.documents import DocumentError, with_results, with_schema, with_verdicts
from bnjax.report.page.results import keep
from bnjax.report.runs.kept import read_kept, write_kept
from bnjax.report.runs.recorded import load_sound_runs
from bnjax.studies import STUDIES, studies_of

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "experiments/results"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six seeds with BN and without, every unit of which some die, and a run that was cut; 30 epochs."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in range(6):
        for placement, flat in (("dense", 0), ("none", 4 + seed)):
            told = dict(
                placement=placement, seed=seed, epochs=30, data_dir="/home/me/data", out_dir="/home/me/runs"
            )
            record_run(folder, [0.975 + seed / 1000] * 30, flat=flat, **told)
    record_run(folder, [0.97], status="interrupted", placement="none", seed=9)
    return folder


def test_runs_that_ended_are_kept_without_folders_of_the_machine(folder, tmp_path):
    kept = keep(folder, tmp_path)
    assert len(kept) == 12
    runs = dict(read_kept(tmp_path / "mnist.jsonl.gz"))
    assert kept == list(runs)
    assert b"/home/me" not in b"".join(runs.values())
    for run_id, lines in runs.items():
        ours = records.sound(lines, run_id).records
        theirs = records.read(folder / run_id / records.FILE_NAME)
        assert ours[1:] == theirs[1:]
        changed = {"data_dir", "out_dir"}
        assert ours[0]["data"] == theirs[0]["data"]
        settings = [{k: v for k, v in one[0]["config"].items() if k not in changed} for one in (ours, theirs)]
        assert settings[0] == settings[1]


def test_a_folder_of_images_is_kept_by_its_name(tmp_path):
    record_run(tmp_path / "runs", [0.9])
    [path] = (tmp_path / "runs").rglob(records.FILE_NAME)
    run, *rest = records.read(path)
    run["data"]["source"] = "/home/me/photos"
    path.write_text("".join(map(records.json_line, [run, *rest])), encoding="utf-8")
    [kept] = keep(tmp_path / "runs", tmp_path)
    lines = dict(read_kept(tmp_path / "mnist.jsonl.gz"))[kept]
    assert records.sound(lines, kept).records[0]["data"]["source"] == "photos"


def test_what_was_kept_stays(folder, tmp_path):
    first, *others = keep(folder, tmp_path)
    path = tmp_path / "mnist.jsonl.gz"
    content, runs = path.read_bytes(), dict(read_kept(path))
    mine = b'{"run_id": "%s"}\n' % first.encode()
    write_kept(path, {run_id: runs[run_id] for run_id in others} | {first: mine})
    assert keep(folder, tmp_path) == []
    assert dict(read_kept(path))[first] == mine
    path.unlink()
    keep(folder, tmp_path)
    assert path.read_bytes() == content


def test_kept_runs_are_read_like_those_in_folders(folder, tmp_path):
    keep(folder, tmp_path)
    ours, _ = load_sound_runs(tmp_path)
    theirs = [run for run in load_sound_runs(folder)[0] if run.summary["status"] == "done"]
    assert [run.epochs for run in ours] == [run.epochs for run in theirs]
    assert [run.summary for run in ours] == [run.summary for run in theirs]


def test_a_damaged_file_of_kept_runs_is_named_and_the_rest_is_used(folder, tmp_path):
    keep(folder, tmp_path)
    content = (tmp_path / "mnist.jsonl.gz").read_bytes()
    (tmp_path / "cut.jsonl.gz").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.jsonl.gz").write_bytes(b"text")
    runs, problems = load_sound_runs(tmp_path)
    assert len(runs) == 12
    assert [problem.partition(": ")[0] for problem in problems] == [
        str(tmp_path / name) for name in ("cut.jsonl.gz", "text.jsonl.gz")
    ]


def marks(name):
    return f"<!-- {name}: begin -->old<!-- {name}: end -->"


@pytest.mark.slow
def test_the_page_gets_answered_claims_and_pictures_and_repeats_itself(folder, tmp_path):
    keep(folder, tmp_path)
    report = folder_report(tmp_path)
    text = with_results(f"# title\n\n{marks('results')}\n\nrest\n", report)
    assert text.startswith("# title\n\n")
    assert text.endswith("\n\nrest\n")
    assert "old" not in text
    assert "| contradicted |" in text or "| supported |" in text
    assert "| not run |" not in text
    assert "2 contrasts: 1 supported, 1 open; mnist (png), 30 epochs; all 6 runs agree" in text
    assert "12 runs; data mnist 3.0.1, png" in text
    assert "](mnist-bn-or-not.svg)" in text
    assert with_results(text, report) == text


@pytest.mark.slow
def test_the_readme_gets_each_studys_verdicts(folder, tmp_path):
    keep(folder, tmp_path)
    report = folder_report(tmp_path, pictures=False)
    rows = " | ".join(map(marks, [*studies_of("text"), "papers", "chance"]))
    text = with_verdicts(rows, report)
    assert "old" not in text
    assert "supported" in text.partition("<!-- mnist: begin -->")[2].partition("<!-- mnist: end -->")[0]
    assert "if nothing were true, at most " in text
    assert "<!-- papers: begin -->none so far<!-- papers: end -->" in text
    assert f"<!-- mobilenet: begin -->{len(STUDIES['mobilenet'].claims)} not run<!--" in text
    assert with_verdicts(text, report) == text


@pytest.mark.parametrize("text", ["# title\n", "<!-- schema: begin -->", "<!-- schema: end -->"])
def test_a_document_without_marks_is_refused(text):
    with pytest.raises(DocumentError, match="schema: begin"):
        with_schema(text)


def test_the_pictures_of_the_documents_are_there():
    for document in ("README.md", "experiments/results/README.md"):
        lines = (ROOT / document).read_text("utf-8").splitlines()
        shown = [line for line in lines if line.startswith("![")]
        assert shown
        for line in shown:
            assert ((ROOT / document).parent / line.rpartition("(")[2].rstrip(")")).is_file()


def test_kept_records_name_no_folder_of_a_machine():
    for path in KEPT.rglob(records.FILE_NAME):
        config = json.loads(path.read_text(encoding="utf-8").partition("\n")[0])["config"]
        assert (config["data_dir"], config["out_dir"]) == ("", "runs")
