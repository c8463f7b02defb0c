"""Sweeps as jobs of a cluster: on this machine, and of a SLURM that is made of four small scripts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_sweep import finish, wait_for, wait_for_epochs

from bnjax import records
from bnjax.commands.parsing.flags import command_from_flags

ROOT = Path(__file__).resolve().parents[2]
MNIST = [sys.executable, str(ROOT / "experiments/mnist.py")]
SWEEP = ("--dataset=digits", "--width=8", "--sweep=bn-or-not", "--jobs=2", "--checkpoint_every=1")
needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")

#: What sbatch writes for a job starts it with srun; ours keep process and state in files.
SLURM = {
    "sbatch": """
        number=$(ls "$FAKE_SLURM" | wc -l)
        touch "$FAKE_SLURM/$number"
        cp "$1" "$FAKE_SLURM/../script.sh"
        export SLURM_JOB_ID=$number SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0
        export SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_JOB_NODELIST=here
        (bash "$1"; echo ended >"$FAKE_SLURM/$number") >/dev/null 2>&1 &
        echo "Submitted batch job $number"
    """,
    "srun": """
        while [ "$1" != "$FAKE_PYTHON" ]; do shift; done
        echo $$ >"$FAKE_SLURM/../process"
        exec "$@"
    """,
    "sacct": """
        echo "JobID|State|NodeList"
        for job in "$FAKE_SLURM"/*; do
          [ -s "$job" ] && state=FAILED || state=RUNNING
          echo "$(basename "$job")|$state|here"
        done
    """,
    "scancel": """kill -TERM "$(cat "$FAKE_SLURM/../process")" """,
}


@pytest.fixture
def start(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    started = []

    def run(*arguments):
        pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(subprocess.Popen([*MNIST, *SWEEP, *arguments], **pipes))
        return started[-1]

    yield run
    for process in started:
        with process:  # closes its pipes
            process.kill()


def workers(folder):
    """Process ids of those that make runs below a folder as jobs."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"submitit.core._submit" in words and any(str(folder).encode() in word for word in words):
            found.append(int(process.name))
    return found


def results(folder):
    """What two starts have in common: all records but for their times."""
    found = {}
    for path in folder.glob("*/metrics.jsonl"):
        for record in records.read(path):
            if record["kind"] != "run":
                told = {name: value for name, value in record.items() if name not in records.TIMING_FIELDS}
                found.setdefault(path.parent.name, []).append(told)
    return found


@pytest.mark.slow(minutes=0.5)
@needs_proc
def test_a_sweep_of_jobs_ends_as_one_of_processes_whatever_is_killed(start, tmp_path):
    jobs, processes = tmp_path / "jobs-runs", tmp_path / "processes-runs"
    killed = start("--epochs=60", "--engine=local", f"--out_dir={jobs}")
    wait_for(lambda: len({path.parent for path in jobs.glob("*/checkpoint-*.npz")}) > 1)
    victim = workers(jobs)[0]
    os.kill(victim, signal.SIGKILL)
    found, err, code = finish(killed)
    assert code == 0, err
    assert "ended before its runs" in err
    assert [r["status"] for r in found if r["kind"] == "summary"] == ["done"] * 2
    assert len([r for r in found if r["kind"] == "run"]) == 3
    assert workers(jobs) == []

    _, _, code = finish(start("--epochs=60", f"--out_dir={processes}"))
    assert code == 0
    assert results(jobs) == results(processes)


@pytest.mark.slow(minutes=0.2)
@needs_proc
def test_a_signal_stops_the_jobs_of_a_sweep(start, tmp_path):
    endless = start("--epochs=1000000", "--engine=local", f"--out_dir={tmp_path}")
    wait_for_epochs(tmp_path, 2)
    endless.send_signal(signal.SIGINT)
    found, err, code = finish(endless)
    assert code == 128 + signal.SIGINT, err
    assert "Traceback" not in err
    assert [r["status"] for r in found if r["kind"] == "summary"] == ["interrupted"] * 2
    assert workers(tmp_path) == []


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Puts the scripts on the PATH; returns a folder."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "queue").mkdir()
    for name, text in SLURM.items():
        script = tmp_path / "bin" / name
        script.write_text(f"#!/usr/bin/env bash\n{text}", encoding="utf-8")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    monkeypatch.setenv("FAKE_SLURM", str(tmp_path / "queue"))
    monkeypatch.setenv("FAKE_PYTHON", sys.executable)
    return tmp_path


@pytest.mark.slow(minutes=0.3)
@needs_proc
def test_a_job_of_slurm_whose_time_ends_goes_on_in_another(start, slurm):
    asked = "--engine_options=partition=long,timeout_min=7,gpus_per_node=1"
    process = start("--epochs=60", "--engine=slurm", "--jobs=1", asked, f"--out_dir={slurm / 'runs'}")
    wait_for(lambda: any((slurm / "runs").glob("*/checkpoint-*.npz")))
    os.kill(int((slurm / "process").read_text(encoding="utf-8")), signal.SIGUSR2)
    found, err, code = finish(process)
    assert code == 0, err
    statuses = [r["status"] for r in found if r["kind"] == "summary"]
    assert sorted(statuses) == ["done", "done", "interrupted", "interrupted"]
    assert {r["program"]["lanes"] for r in found if r["kind"] == "run"} == {2}  # as it asks for a GPU
    script = (slurm / "script.sh").read_text(encoding="utf-8")
    for line in ("--partition=long", "--time=7", "--gpus-per-node=1", "--job-name=bnjax"):
        assert f"#SBATCH {line}\n" in script


def complaint(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        command_from_flags(["mnist.py", *arguments], "mnist")
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_the_extra_is_named_where_submitit_is_absent(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert ".[slurm]" in complaint(capsys, "--engine=local")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--engine=slurm",), "no sbatch here"),
        (("--engine=local", "--engine_options=time"), "'time' is not name=value"),
        (("--engine_options=time=3",), "needs --engine=slurm or local"),
        (("--engine=local", "--movie=a.gif"), "--movie=a.gif is made by this process alone"),
        (("--engine=ray",), "--engine=ray is not one of processes, slurm, local"),
    ],
)
def test_what_no_engine_can_do_is_answered_by_a_line(arguments, part, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert part in complaint(capsys, *arguments)


@pytest.mark.slow
def test_an_option_that_the_cluster_does_not_know(start, tmp_path):
    _, err, code = finish(start("--engine=local", "--engine_options=colour=red", f"--out_dir={tmp_path}"))
    assert code == 2
    assert "--engine_options=colour=red: " in err
    assert "slurm_colour" in err
