"""Sweeps as a user starts them: every run once, going on where one was cut, faults of single runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from starting import PATIENCE

from bnjax import records

pytestmark = pytest.mark.slow

MNIST = [sys.executable, str(Path(__file__).resolve().parents[2] / "experiments/mnist.py")]
SMALL = ("--dataset=digits", "--width=8", "--jobs=2")
SWEEP = (*SMALL, "--sweep=bn-or-not")


def start(*arguments, **options):
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([*MNIST, *arguments], **pipes, **options)


def finish(process):
    out, err = process.communicate(timeout=PATIENCE)
    return [json.loads(line) for line in out.splitlines()], err, process.returncode


def kinds(found):
    return sorted(record["kind"] for record in found)


def children(process):
    """Process ids of the workers; one more child watches over shared resources."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
    return [int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_for_epochs(folder, count):
    """Until so many runs have an epoch on the disk."""

    def begun():
        texts = [path.read_text(encoding="utf-8") for path in folder.glob("*/metrics.jsonl")]
        return sum('"kind": "epoch"' in text for text in texts) >= count

    wait_for(begun)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_sweep_makes_every_run_and_a_second_one_none(tmp_path):
    flags = (*SWEEP, "--seeds=2", "--epochs=1", f"--out_dir={tmp_path}")
    found, err, code = finish(start(*flags))
    assert code == 0
    assert kinds(found) == ["epoch"] * 4 + ["run"] * 4 + ["summary"] * 4
    runs = {(r["config"]["placement"], r["config"]["seed"]) for r in found if r["kind"] == "run"}
    assert runs == {("dBr", 0), ("dBr", 1), ("dr", 0), ("dr", 1)}
    on_disk = [record for path in tmp_path.glob("*/metrics.jsonl") for record in records.read(path)]
    assert sorted(map(str, on_disk)) == sorted(map(str, found))
    assert "4 runs, 0 finished before, 4 to go" in err
    assert "4 runs done, 0 diverged or failed" in err
    # Runs side by side give the numbers of a run alone on as many cores.
    twin_flags = ("--placement=none", "--seed=1", "--epochs=1", f"--out_dir={tmp_path / 'alone'}")
    alone, _, _ = finish(start(*SMALL, *twin_flags))
    [twin] = [r for r in found if r["kind"] == "epoch" and r["run_id"] == alone[1]["run_id"]]
    assert twin["test_loss"] == pytest.approx(alone[1]["test_loss"], rel=1e-4)

    again, err, code = finish(start(*flags))
    assert (again, code) == ([], 0)
    assert "4 finished before, 0 to go" in err
    assert "lack" not in err
    _, err, code = finish(start(*flags, "--probes=dying,rank"))
    assert code == 0
    assert "of 4 finished runs the records lack rank of --probes, which --overwrite makes anew" in err


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")


@needs_proc
def test_a_sweep_that_was_stopped_goes_on(tmp_path):
    """After Ctrl-C there are no workers left, and what they did is recorded as interrupted."""
    endless = start(*SWEEP, "--epochs=1000000", f"--out_dir={tmp_path}", process_group=0)
    wait_for_epochs(tmp_path, 2)
    workers = children(endless)
    assert len(workers) == 2
    os.killpg(endless.pid, signal.SIGINT)  # a terminal sends it to all processes
    found, err, code = finish(endless)
    assert code == 128 + signal.SIGINT
    said = ["2 runs, 0 finished before, 2 to go", "the same command goes on where its runs were stopped"]
    assert err.splitlines() == [f"mnist.py: {line}" for line in said]
    assert [r["status"] for r in found if r["kind"] == "summary"] == ["interrupted"] * 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


@needs_proc
def test_a_worker_that_dies_costs_its_run_alone(tmp_path):
    flags = (*SWEEP, "--epochs=1000000", f"--out_dir={tmp_path / 'runs'}")
    with (tmp_path / "err").open("w") as err:  # a pipe that nobody empties would stop the sweep
        process = subprocess.Popen([*MNIST, *flags], stdout=subprocess.DEVNULL, stderr=err)
    wait_for_epochs(tmp_path / "runs", 2)
    victim, survivor = children(process)
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: len(workers := children(process)) == 2 and victim not in workers)
    assert survivor in children(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 128 + signal.SIGINT
    told = (tmp_path / "err").read_text(encoding="utf-8")
    assert f"its process ended with status -{int(signal.SIGKILL)}" in told
    assert "Traceback" not in told


def test_a_run_that_diverges_does_not_end_a_sweep(tmp_path):
    flags = ("--optimizer=sgd", "--learning_rate=1e30", "--epochs=2", f"--out_dir={tmp_path}")
    found, err, code = finish(start(*SWEEP, *flags))
    assert code == 1
    assert [r["status"] for r in found if r["kind"] == "summary"] == ["diverged"] * 2
    assert "0 runs done, 2 diverged or failed" in err


def test_absent_data_is_answered_once_for_a_sweep(tmp_path):
    flags = ("--sweep=bn-or-not", f"--data_dir={tmp_path / 'nowhere'}", f"--out_dir={tmp_path / 'runs'}")
    found, err, code = finish(start(*flags))
    assert (found, code) == ([], 1)
    assert err.count("nowhere does not exist") == 1
    assert not (tmp_path / "runs").exists()


@needs_proc
def test_a_sweep_that_was_killed_goes_on_after_its_last_epochs(tmp_path):
    """SIGKILL to all of its processes: nothing has time to clean up."""
    flags = (*SWEEP, "--epochs=200", f"--out_dir={tmp_path}")
    killed = start(*flags)
    wait_for(lambda: any(tmp_path.glob("*/checkpoint-*.npz")))
    for pid in (killed.pid, *children(killed)):
        os.kill(pid, signal.SIGKILL)
    finish(killed)
    found, err, code = finish(start(*flags))
    assert code == 0
    assert "goes on after epoch" in err
    for path in tmp_path.glob("*/metrics.jsonl"):
        on_disk = records.read(path)
        assert [r["epoch"] for r in on_disk if r["kind"] == "epoch"] == list(range(1, 201))
        assert kinds(on_disk).count("summary") == 1
    assert kinds(found).count("epoch") < 2 * 200


def test_two_sweeps_share_one_folder(tmp_path):
    flags = (*SWEEP, "--jobs=1", "--seeds=2", "--epochs=3", f"--out_dir={tmp_path}")
    ended = [finish(process) for process in [start(*flags), start(*flags)]]
    assert [code for _, _, code in ended] == [0, 0]
    summaries = [r["run_id"] for found, _, _ in ended for r in found if r["kind"] == "summary"]
    assert len(summaries) == len(set(summaries)) == 4


def test_a_grid_as_lanes(tmp_path):
    grid = ("--vary=placement=none|all; learning_rate=0.001|0.01", "--lanes=4", "--epochs=1")
    found, _, code = finish(start(*SMALL, *grid, f"--out_dir={tmp_path}"))
    assert code == 0
    runs = [record for record in found if record["kind"] == "run"]
    assert len(runs) == 4
    assert all(record["program"] == {"gated": True, "lanes": 4, "kernels": "xla"} for record in runs)
    assert kinds(found).count("summary") == 4


def test_a_dry_run_lists_and_estimates_and_records_nothing(tmp_path):
    process = start(*SWEEP, "--epochs=3", "--dry_run", f"--out_dir={tmp_path / 'runs'}")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    first, second, count, programs, time_left = out.splitlines()
    assert first.endswith("to go     dense")
    assert second.endswith("to go     none")
    assert count == "2 runs: 0 finished, 2 to go"
    assert programs == "2 tasks, 1 training programs, 2 side by side"
    assert time_left.startswith("about ")
    assert time_left.endswith(" on this machine")
    assert not (tmp_path / "runs").exists()
