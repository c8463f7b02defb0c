"""Runs that are stopped at any moment end as if they had not been, and stopping takes little time."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import dataset
from starting import PATIENCE
from test_task import epochs_of, record_path, settings, summary_of, without_times

from bnjax import records
from bnjax.process.progress import Progress
from bnjax.process.signals import Stopped, held_signals, stop_signals
from bnjax.runs import run as run_module
from bnjax.runs import training as training_module
from bnjax.runs.checkpoints import checkpoint
from bnjax.runs.checkpoints.saves import Saves
from bnjax.runs.recording.movie import Movie
from bnjax.runs.recording.recorder import Recorder
from bnjax.sweeps import task as task_module
from bnjax.sweeps.plan import Task
from bnjax.train.programs import stepping
from bnjax.train.programs.shared import Programs
from bnjax.train.steps.sums import Totals

pytestmark = pytest.mark.slow
EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"

DATA = dataset(train_count=160)  # ten steps an epoch
# A network so small that nearly all of the time is Python's start and JAX's compiler.
SMALL = ("--dataset=digits", "--width=16", "--batch_size=64")


@pytest.fixture(autouse=True)
def made_data(monkeypatch):
    monkeypatch.setattr(run_module, "load_images", lambda _: DATA)
    monkeypatch.setattr(task_module, "load_images", lambda _: DATA)


def host_steps(config, programs, train, mesh):
    return stepping.HostSteps(config, programs.train_step, train, mesh)


@pytest.fixture(params=["host", "device", "lanes"])
def make(request, monkeypatch):
    """Makes runs to their end: alone by either kind of steps, or two as lanes; one step a call."""
    monkeypatch.setattr(stepping, "STEPS_IN_LOOP", 1)
    if request.param == "host":
        monkeypatch.setattr(training_module, "epoch_steps", host_steps)
        monkeypatch.setattr(stepping.HostSteps, "in_flight", 2)
    programs = Programs()

    def make(folder, **changes):
        seeds = (0, 1) if request.param == "lanes" else (0,)
        configs = [settings(folder, seed=seed, **changes) for seed in seeds]
        task = Task(tuple(configs), request.param == "lanes")
        with stop_signals():
            task_module.make(task, programs, lambda _: None, lambda *_: None)
        return configs

    return make


def stop_at(patch, call, number=signal.SIGTERM):
    """A real signal when sums are added for the nth time, in training or evaluation; none if never."""
    add, calls = Totals.add, []

    def stop(self, sums):
        calls.append(None)
        if len(calls) == call:
            signal.raise_signal(number)
        add(self, sums)

    patch.setattr(Totals, "add", stop)


def assert_same_runs(mine, others):
    for a, b in zip(mine, others, strict=True):
        assert without_times(epochs_of(a)) == without_times(epochs_of(b))
        assert without_times([summary_of(a)]) == without_times([summary_of(b)])
        assert not checkpoint.checkpoints(record_path(a).parent)


def test_a_run_stopped_at_any_step_ends_as_if_it_had_not_been(make, tmp_path, monkeypatch, capsys):
    """Many times in one run, with one more step done each time."""
    whole = make(tmp_path / "whole")
    stops, ended = 0, None
    for call in (1, 2, 3, 14, 5, 4, 13, 2, 12):
        with monkeypatch.context() as patch:
            stop_at(patch, call)
            try:
                ended = make(tmp_path / "cut")
                break
            except Stopped:
                stops += 1
    assert stops > 4
    assert "steps of the next" in capsys.readouterr().err
    assert_same_runs(ended or make(tmp_path / "cut"), whole)


def test_a_checkpoint_within_an_epoch_is_gone_on_from(make, tmp_path, monkeypatch, capsys):
    """As if it had been killed in an epoch's middle, where the time between two checkpoints was over."""
    whole = make(tmp_path / "whole")
    often = dict(checkpoint_every="0.000001min")
    with monkeypatch.context() as patch:
        stop_at(patch, 15)
        patch.setattr(Saves, "__exit__", lambda *_: None)
        with pytest.raises(Stopped):
            make(tmp_path / "cut", **often)
    mine = make(tmp_path / "cut", **often)
    assert "steps of the next" in capsys.readouterr().err
    assert_same_runs(mine, whole)


def test_what_a_signal_stopped_lies_on_disk_to_the_step(tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "epoch_steps", host_steps)
    mine = settings(tmp_path, checkpoint_every="1000")
    stop_at(monkeypatch, 2)
    with pytest.raises(Stopped), stop_signals():
        task_module.make(Task((mine,), False), Programs(), lambda _: None, lambda *_: None)
    saved = checkpoint.load_newest(record_path(mine).parent)
    assert saved.epochs == []
    # The signal came with the sums of a step; what was under way behind it was finished.
    assert saved.underway.steps == 10
    run, summary = records.read(record_path(mine))
    assert (run["kind"], summary["kind"]) == ("run", "summary")
    assert (summary["epochs"], summary["steps"]) == (0, 10)


def test_a_signal_that_is_ignored_cuts_no_epoch_short(make, tmp_path, monkeypatch):
    """Ctrl-C reaches the workers of a sweep too, which leave it to their parent."""
    whole = make(tmp_path / "whole")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        stop_at(monkeypatch, 3, signal.SIGINT)
        with stop_signals(signal.SIGTERM):
            heard = make(tmp_path / "heard")
    finally:
        signal.signal(signal.SIGINT, before)
    assert_same_runs(heard, whole)


def movie_run(folder, epochs=4):
    config = settings(folder, epochs=epochs)
    movies = [Movie(folder / f"{shows}.gif", shows) for shows in ("update", "weights")]
    folder.mkdir(exist_ok=True)
    recorder = Recorder(config, lambda _: None)
    with stop_signals():
        assert run_module.train_run(config, recorder, lambda *_: Progress(1, 1, False), movies) == "done"


def test_a_movie_that_was_cut_has_all_of_its_frames(tmp_path, monkeypatch, capsys):
    movie_run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(Stopped):
            movie_run(tmp_path / "cut")
    movie_run(tmp_path / "cut")
    assert "goes on after epoch" in capsys.readouterr().err
    for name in ("update.gif", "weights.gif"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def stopped_after(config, monkeypatch, call):
    with monkeypatch.context() as patch:
        stop_at(patch, call)
        with pytest.raises(Stopped), stop_signals():
            make_alone(config)


def make_alone(config):
    task_module.make(Task((config,), False), Programs(), lambda _: None, lambda *_: None)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_of_two_checkpoints_a_damaged_one_is_named_and_the_other_used(damage, tmp_path, monkeypatch, capsys):
    often = dict(checkpoint_every="1", fresh_images=0)  # an epoch adds two sums: of training and of the test
    mine, whole = (settings(tmp_path / name, **often) for name in ("cut", "whole"))
    stopped_after(mine, monkeypatch, 3)
    newest, older = checkpoint.checkpoints(record_path(mine).parent)
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    newest.write_bytes({"truncated": content[:-1000], "flipped": content, "empty": b""}[damage])
    before = checkpoint.load_checkpoint(older)
    make_alone(mine)
    told = capsys.readouterr().err
    assert f"{newest} is damaged" in told
    assert f"goes on after epoch {len(before.epochs)}" in told
    make_alone(whole)
    assert_same_runs([mine], [whole])


def test_lanes_cut_between_their_checkpoints_go_on_together_as_if_they_had_not_been(tmp_path, monkeypatch):
    """To the bit, also where a step of one lane is lost and where another lane has ended already."""
    programs, told = Programs(), []

    def make_lanes(folder, seeds=(0, 1, 2)):
        configs = [settings(folder, seed=seed, checkpoint_every="1") for seed in seeds]
        task_module.make(Task(tuple(configs), True), programs, told.append, lambda *_: None)
        return configs

    whole, calls, save = make_lanes(tmp_path / "whole"), [], checkpoint.save

    def stop(folder, run):
        calls.append(None)
        if len(calls) == 8:  # the third epoch's second lane
            raise Stopped(15)
        save(folder, run)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", stop)
        patch.setattr(Saves, "__exit__", lambda *_: None)  # as if it had been killed
        with pytest.raises(Stopped):
            make_lanes(tmp_path / "cut")
    told.clear()
    mine = make_lanes(tmp_path / "cut", seeds=(1, 2))
    assert [r["program"]["lanes"] for r in told if r["kind"] == "run"] == [2, 2]
    mine = [make_lanes(tmp_path / "cut", seeds=(0, 3))[0], *mine]
    assert_same_runs(mine, whole)


def test_noresume_starts_anew(tmp_path, monkeypatch, capsys):
    mine = settings(tmp_path, resume=False)
    stopped_after(mine, monkeypatch, 3)
    make_alone(mine)
    assert "goes on" not in capsys.readouterr().err
    assert record_path(mine).with_name("metrics.1.jsonl").exists()
    assert not checkpoint.checkpoints(record_path(mine).parent)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_checkpoints_come_as_often_as_asked(every, tmp_path, monkeypatch):
    mine, saved = settings(tmp_path, checkpoint_every=str(every)), []
    monkeypatch.setattr(Saves, "save", lambda self: saved.append(len(self.runs[0][0].epochs)))
    make_alone(mine)
    assert saved == [epoch for epoch in (1, 2, 3, 4) if epoch % every == 0]


def test_two_checkpoints_are_kept_and_nothing_unfinished(tmp_path, monkeypatch):
    mine = settings(tmp_path, checkpoint_every="1")
    folder = record_path(mine).parent
    folder.mkdir()
    (folder / ".123-checkpoint-000000000003.npz").write_bytes(b"half")
    stopped_after(mine, monkeypatch, 6)
    assert len(checkpoint.checkpoints(folder)) == 2
    assert not list(folder.glob(".*npz"))


def test_a_signal_is_not_lost_where_something_else_goes_wrong():
    def stopped_and_wrong():
        with stop_signals(), held_signals():
            signal.raise_signal(signal.SIGTERM)
            raise ValueError

    with pytest.raises(Stopped):
        stopped_and_wrong()


# Real processes

SWEEP = ("--seeds=2", "--jobs=2")


def start(*arguments):
    command = [sys.executable, str(EXPERIMENTS / "mnist.py"), *SMALL, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class RaisesSignalWhenDeleted:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)


def raise_where_it_is_dropped():
    with stop_signals():
        RaisesSignalWhenDeleted()
        time.sleep(10)


def test_a_signal_comes_again_where_python_drops_what_it_raised():
    with pytest.raises(Stopped) as stopped:
        raise_where_it_is_dropped()
    assert stopped.value.number == signal.SIGTERM


_STUCK = """
import ctypes, sys, time
from bnjax.process.signals import Stopped, ends_in_time, last_words, stop_signals
libc, mutex = ctypes.CDLL(None), ctypes.create_string_buffer(64)
libc.pthread_mutex_lock(mutex)
def stay():
    while True:
        try: {stuck}
        except Stopped: pass
with ends_in_time(1), stop_signals(), last_words(lambda: print("interrupted", flush=True)):
    try: print("here", flush=True); stay()
    except Stopped: stay()
"""


@pytest.mark.parametrize(
    "stuck",
    [
        # Waits for itself, and lets other threads go on as XLA's compiler does.
        "libc.pthread_mutex_lock(mutex)",
        "time.sleep(600)",
    ],
    ids=["outside of Python", "a signal that is swallowed"],
)
def test_what_hears_no_signal_is_ended_all_the_same(stuck):
    with subprocess.Popen(
        [sys.executable, "-c", _STUCK.format(stuck=stuck)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "here\n"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + signal.SIGTERM
    assert rest == "interrupted\n"
    assert time.monotonic() - started > 0.9


def test_before_a_run_begins_a_signal_ends_the_process_at_once():
    code = "import os, weakref; from bnjax.commands.script import exit_at_signals; exit_at_signals(); "
    # What such a callback raises is dropped.
    code += "weakref.finalize(type('T', (), {})(), os.kill, os.getpid(), 15); print('went on')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (128 + signal.SIGTERM, "", "")


@pytest.mark.parametrize(
    ("seconds", "sweep"), [(1.0, ()), (1.5, SWEEP), (2.5, ()), (4.0, SWEEP)], ids=lambda one: str(one)[:3]
)
def test_a_signal_at_any_moment_of_the_start_ends_in_time(seconds, sweep, tmp_path):
    """While imports, data or compilation are under way; the first state alone compiles for seconds."""
    process = start(*sweep, "--epochs=100000", "--hidden_layers=8", f"--out_dir={tmp_path}")
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    out, err = process.communicate(timeout=PATIENCE)
    assert time.monotonic() - started < 40  # 10 and what a busy machine adds
    # Below zero where Python itself was not up yet; a shell calls both 130.
    assert process.returncode in (128 + signal.SIGINT, -signal.SIGINT)
    assert "Traceback" not in err
    for line in out.splitlines():
        assert json.loads(line)["kind"] in ("run", "epoch", "summary")
