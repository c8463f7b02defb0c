"""What says whether a sweep that was killed again and again is whole, and whether its memory grew."""

import json
from pathlib import Path

import pytest
import soak_sweep

from bnjax.records import FILE_NAME
from bnjax.report.runs.kept import read_kept

ROOT = Path(__file__).resolve().parents[2]

MIB = 2**20
KEPT, LINES = next(read_kept(ROOT / "experiments/results/mnist.jsonl.gz"))


@pytest.fixture
def run(tmp_path):
    """The file of a whole run, in a folder of runs of its own."""
    path = tmp_path / "runs" / KEPT / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(LINES)
    return path


def test_whole_runs_are_counted_with_how_often_they_went_on(run):
    first, *rest = run.read_text("utf-8").splitlines()
    run.write_text("\n".join([first, rest[0], first, *rest[1:], ""]), "utf-8")
    assert soak_sweep.broken_runs(run.parents[1]) == (1, 1, [])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines[:3], *lines[2:]], "epochs [1, 2, 2, 3"),
        (lambda lines: [*lines[:2], *lines[3:]], "epochs [1, 3, 4"),
        (lambda lines: lines[:-1], "not ended"),
        (lambda lines: [*lines[:-1], lines[-1][:20]], "Expecting"),
    ],
)
def test_lost_double_and_torn_records_are_told(run, change, said):
    lines = change(run.read_text("utf-8").splitlines())
    run.write_text("\n".join([*lines, ""]), "utf-8")
    _, _, [wrong] = soak_sweep.broken_runs(run.parents[1])
    assert said in wrong


def test_a_torn_last_line_and_files_that_are_left_are_told(run):
    with run.open("a", encoding="utf-8") as file:
        file.write('{"schema": 1')
    _, _, [torn] = soak_sweep.broken_runs(run.parents[1])
    assert "torn" in torn
    run.write_bytes(LINES)
    (run.parent / "checkpoint-7.npz").touch()
    assert soak_sweep.broken_runs(run.parents[1])[2] == [f"{run.parent}: checkpoint-7.npz is left"]


def test_memory_compares_the_most_in_both_halves_of_a_life():
    grown = [(age, (100 + age / 10) * MIB) for age in range(0, 301, 10)]
    short = [(age, 500 * MIB) for age in range(0, 110, 10)]
    assert soak_sweep.memory({"grown": grown, "short": short}) == {
        "processes": 1,
        "earlier_mib": 118.0,
        "later_mib": 130.0,
        "median_ratio": pytest.approx(130 / 118, abs=1e-4),
        "most_ratio": pytest.approx(130 / 118, abs=1e-4),
    }


def test_memory_that_rises_and_falls_again_is_flat():
    sawtooth = [(age, (500 + age % 60) * MIB) for age in range(0, 601, 5)]
    assert soak_sweep.memory({"sawtooth": sawtooth})["most_ratio"] == 1.0


@pytest.mark.skipif(not Path("/proc/uptime").exists(), reason="needs Linux's /proc")
def test_a_command_that_ends_is_not_killed(tmp_path, capsys):
    (tmp_path / "script.py").write_text("import sys; print(sys.argv[1:])", "utf-8")
    command = [str(tmp_path / "script.py"), "--epochs=1"]
    log, runs = tmp_path / "log", tmp_path / "runs"
    assert soak_sweep.main(["soak_sweep.py", f"--out_dir={runs}", f"--log={log}", *command]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["exit_code"], told["kills"], told["runs"], told["wrong"]) == (0, 0, 0, [])
    assert log.read_text("utf-8") == f"['--epochs=1', '--out_dir={runs}']\n"
