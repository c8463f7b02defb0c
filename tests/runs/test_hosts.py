"""Several processes train one run: its records are those of one process, whatever becomes of a process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from small_runs import image_set
from starting import PATIENCE

from bnjax.commands.parsing.flags import command_from_flags
from bnjax.data import eval_batches, train_batches
from bnjax.data.batches import TrainOrder
from bnjax.process.signals import Stopped
from bnjax.runs.checkpoints import checkpoint
from bnjax.runs.hosts import ALONE, Hosts, HostsError

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
import soak  # noqa: E402

# Statistics that follow within a step, so that no word about them comes on stderr.
NETWORK = (
    "--norm_momentum=0.01",
    "--width=16",
    "--dropout=0.2",
    "--placement=all",
    "--recipe=controlled",
    "--checkpoint_every=1",
)
DIGITS = (*NETWORK, "--dataset=digits", "--batch_size=352", "--epochs=12")
HEARTBEAT = "--heartbeat_timeout_seconds=5"
WHERE = ("--coordinator_address=localhost:1234", "--num_processes=2", "--process_id=1")


def started(devices, *flags):
    environment = {
        **os.environ,
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}",
    }
    command = [sys.executable, str(EXPERIMENTS / "mnist.py"), *flags]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def started_pair(*flags):
    """Two processes with four devices each."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    where = ("--distributed", f"--coordinator_address={address}", "--num_processes=2")
    return [started(4, *flags, HEARTBEAT, *where, f"--process_id={index}") for index in (0, 1)]


def ended(process):
    """Exit code, records on stdout, and lines on stderr."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.splitlines()


def wait_for_epochs(out_dir, attempt):
    """Until an attempt, counted from 1, has recorded two epochs, and so has a checkpoint."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for path in out_dir.glob("*/metrics.jsonl"):
            attempts = path.read_bytes().split(b'"kind": "run"')[1:]
            if len(attempts) == attempt and attempts[-1].count(b'"kind": "epoch"') > 1:
                return
        time.sleep(0.05)
    raise AssertionError(f"no two epochs of attempt {attempt} in {out_dir}")


#: How far float32 may drift in a step; active images are counted, and one unit is near 0.
_NEAR = {"loss": {"rel": 1e-5}, "active": {"abs": 0.01}, "median": {"abs": 0.005}, "accuracy": {"abs": 0.005}}


def assert_near(ours, others, name=""):
    """Equal but for times, rounding, and what says how many processes there were."""
    if isinstance(ours, dict):
        for key in ours.keys() - {*soak._APART, "processes", "xla_flags", "out_dir", "state_sha256"}:
            assert_near(ours[key], others[key], key)
    elif isinstance(ours, float) and (kind := name.removesuffix("_fresh").rpartition("_")[2]) in _NEAR:
        assert ours == pytest.approx(others, **_NEAR[kind]), name
    else:
        assert ours == others, name


@pytest.mark.slow
@pytest.mark.parametrize("images", ["digits", "streamed"])
def test_two_processes_record_what_one_does(images, tmp_path):
    """One step of four and of eight devices, and evaluations whose last batch has to be filled up."""
    flags = ("--dataset=digits", "--batch_size=1408", "--eval_batch_size=100")
    if images == "streamed":
        soak.make_photographs(tmp_path / "photographs")
        streamed = (f"--dataset=folder:{tmp_path / 'photographs'}", "--image_size=8", "--augment=crop_flip")
        flags = (*streamed, "--batch_size=24", "--eval_batch_size=16", "--bn_batch=device")
    flags = (*NETWORK, *flags, "--epochs=1", "--optimizer=sgd", "--learning_rate=0.01")
    pair = started_pair(*flags, f"--out_dir={tmp_path / 'pair'}")
    (code, told, err), (other_code, nothing, other_err) = map(ended, pair)
    assert (code, other_code, err, nothing, other_err) == (0, 0, [], [], [])
    assert [record["kind"] for record in told] == ["run", "epoch", "summary"]
    assert (told[0]["device"]["count"], told[0]["device"]["processes"]) == (8, 2)
    right = told[1]["test_accuracy"] * told[0]["data"]["test_images"]
    assert right == pytest.approx(round(right), abs=1e-9)
    _, alone, _ = ended(started(8, *flags, f"--out_dir={tmp_path / 'alone'}"))
    for mine, other in zip(told, alone, strict=True):
        assert_near(mine, other)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Where two processes have trained undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    for process in started_pair(*DIGITS, f"--out_dir={folder}"):
        assert ended(process)[0] == 0
    return folder


@pytest.mark.slow(minutes=1)
@pytest.mark.parametrize("victim", [0, 1])
def test_processes_that_are_killed_and_stopped_end_as_if_they_had_not_been(victim, whole, tmp_path):
    """One is killed, then a signal comes to one of them, and then nothing more happens."""
    cut = tmp_path / "cut"
    pair = started_pair(*DIGITS, f"--out_dir={cut}")
    wait_for_epochs(cut, 1)
    pair[victim].kill()
    pair[victim].communicate()
    code, _, err = ended(pair[1 - victim])
    assert code == 1
    [line] = err
    assert "another process of the run has ended or cannot be reached" in line
    pair = started_pair(*DIGITS, f"--out_dir={cut}")
    wait_for_epochs(cut, 2)
    pair[1 - victim].send_signal(signal.SIGTERM)
    (code, told, err), (other_code, nothing, other_err) = map(ended, pair)
    assert (code, other_code, nothing, other_err) == (143, 143, [], [])
    assert told[-1]["status"] == "interrupted"
    assert "goes on after epoch" in err[0]
    assert checkpoint.checkpoints(next(cut.iterdir()))
    for process in started_pair(*DIGITS, f"--out_dir={cut}"):
        assert ended(process)[0] == 0
    ours, others = soak.essence(cut), soak.essence(whole)
    [found] = ours.values()
    found["summary"] = found["summary"][-1:]  # behind that of the interrupted attempt
    assert soak._differences(others, ours) == []


def test_rows_of_a_batch_are_those_of_the_whole_one():
    part = image_set(29)
    for batches in (
        lambda rows: train_batches(part, TrainOrder(29, 8, "epoch", 3), 2, 1, rows),
        lambda rows: eval_batches(part, 8, rows),
    ):
        parts = zip(*(batches(slice(first, first + 4)) for first in (0, 4)), batches(None), strict=True)
        for first, second, whole in parts:
            for one, other, both in zip(first, second, whole, strict=True):
                np.testing.assert_array_equal(np.concatenate([one, other]), both)


def test_what_differs_between_processes_is_named(monkeypatch):
    second = Hosts(1, 2)
    monkeypatch.setattr(Hosts, "of_first", lambda self, value: {"settings": "a", "images": "b"})
    second.check_alike({"settings": "a", "images": "b"})
    with pytest.raises(HostsError, match="process 1 has other images than process 0"):
        second.check_alike({"settings": "a", "images": "c"})


def test_a_process_by_itself_needs_nobody():
    assert ALONE.first
    assert ALONE.of_first("value") == "value"
    ALONE.check_signals()
    stops = ALONE.stops(late=8)
    assert not stops.heard([])
    assert stops.heard([signal.SIGTERM])
    stops.obey()  # the signal comes by itself


def test_all_stop_behind_the_step_for_which_one_has_heard_a_signal(monkeypatch):
    """Answers are looked at two steps late."""
    from bnjax.train import mesh

    monkeypatch.setattr(mesh, "data_mesh", lambda: None)
    answers = iter([0, 0, 15, 0, 0, 0])
    monkeypatch.setattr(mesh, "largest", lambda number, mesh: next(answers))
    stops = Hosts(0, 2).stops(late=2)
    assert [stops.heard([]) for _ in range(5)] == [False] * 4 + [True]
    with pytest.raises(Stopped) as stopped:
        stops.obey()
    assert stopped.value.number == signal.SIGTERM


_WATCHED = """
import os, sys, time
from bnjax.process.watched import lost, watched
def work():
    os.write(1, b"of native code\\n")
    print("of Python", flush=True)
    {work}
    return 3
sys.exit(watched(work, "x.py"))
"""


@pytest.mark.parametrize(
    ("work", "code", "words"),
    [
        ("pass", 3, ""),
        ("return lost('gone')", 1, "x.py: another process of the run has ended or cannot be reached (gone)"),
        ("os.abort()", 1, "was ended by signal 6"),
        ("os.write(2, b'F1 JAX distributed service detected fatal errors'); os.abort()", 1, "x.py: another"),
        ("raise SystemExit(2)", 2, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
    ],
)
def test_the_end_of_a_watched_process_is_told(work, code, words):
    command = [sys.executable, "-c", _WATCHED.format(work=work)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (code, "of Python\n")
    assert words in done.stderr
    assert done.stderr.count("\n") == (0 if not words else 1) or "signal 6" in words or "Error" in words


def test_a_watched_process_ends_with_the_one_that_watches_it():
    command = [sys.executable, "-c", _WATCHED.format(work="print(os.getpid(), flush=True); time.sleep(60)")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "of Python\n"
        assert int(process.stdout.readline()) != process.pid
        process.kill()
        assert process.stdout.read() == ""  # until whoever could write has ended


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (WHERE, "--coordinator_address=localhost:1234 is of --distributed, which is not given"),
        (("--initialization_timeout=3",), "--initialization_timeout=3 is of --distributed"),
        (
            ("--distributed", "--process_id=1"),
            "--process_id=1 lacks --coordinator_address and --num_processes beside it",
        ),
        (("--distributed", *WHERE, "--process_id=2"), "--process_id=2 is outside [0,2)"),
        (("--distributed", *WHERE, "--process_id=-1"), "--process_id=-1 is outside [0,2)"),
        (("--distributed", *WHERE, "--num_processes=0"), "--num_processes=0 is less than 1"),
        (("--distributed", *WHERE, "--coordinator_address=here"), "address=here is not HOST:PORT"),
        (("--distributed", *WHERE, "--coordinator_address=a:70000"), "address=a:70000 is not HOST:PORT"),
        (("--distributed", "--heartbeat_timeout_seconds=1"), "--heartbeat_timeout_seconds=1 is outside"),
        (("--distributed", "--seeds=2"), "--distributed trains one run, and this command makes 2"),
        (("--distributed", "--sweep=bn-or-not"), "--distributed trains one run, and this command makes 2"),
        (("--distributed", "--jobs=2"), "--jobs=2: --distributed trains one run"),
        (("--distributed", "--lanes=2"), "--lanes=2: --distributed trains one run"),
        (("--distributed", "--dry_run"), "--dry_run=True: --distributed trains one run"),
        (("--distributed", "--pretrain=cifar10"), "--pretrain=cifar10 is a run of its own"),
        (
            ("--distributed", "--model=cnn", "--freeze_until=block1", "--precompute_frozen"),
            "--precompute_frozen: one process keeps what the frozen part makes of all images",
        ),
    ],
)
def test_flags_that_do_not_fit_are_answered_with_one_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as caught:
        command_from_flags(["mnist.py", *arguments], "mnist")
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mnist.py: {words}") or words in line


def test_processes_are_no_part_of_a_run():
    alone, several = (
        command_from_flags(["mnist.py", *flags], "mnist") for flags in ((), ("--distributed", *WHERE))
    )
    assert alone.configs == several.configs
    assert several.options.process_id == 1


def test_a_port_that_is_taken_is_answered_with_one_line(run_watched):
    with socket.create_server(("0.0.0.0", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        where = (f"--coordinator_address={address}", "--num_processes=2", "--process_id=0")
        result = run_watched("--distributed", *where, "--dataset=digits", script="mnist.py")
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert line.startswith(f"mnist.py: the processes cannot meet at {address} (")


def test_where_no_cluster_is_found_the_flags_are_named(run_watched):
    result = run_watched("--distributed", "--dataset=digits", script="mnist.py")
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert "JAX finds no cluster here" in line
    assert "--coordinator_address, --num_processes and --process_id" in line
