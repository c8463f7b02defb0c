"""Runs as a sweep makes them: records, checkpoints, resumption, locks, too little memory."""

import dataclasses
import gc
import subprocess
import sys
import weakref

import jax
import numpy as np
import pytest
from small_runs import config, dataset

from bnjax import records
from bnjax.process.progress import Progress
from bnjax.process.signals import Stopped
from bnjax.runs import attempt
from bnjax.runs import run as run_module
from bnjax.runs.checkpoints import checkpoint
from bnjax.runs.checkpoints.saves import Saves
from bnjax.runs.group import Alone
from bnjax.runs.lock import LockedError, locked
from bnjax.runs.loop import train
from bnjax.runs.recording.recorder import Recorder
from bnjax.runs.training import prepare, used_variables
from bnjax.settings.places import record_path
from bnjax.sweeps import task as task_module
from bnjax.sweeps.plan import Task
from bnjax.train.programs.shared import Programs
from bnjax.train.state import digest

pytestmark = pytest.mark.slow
#: All tests here share what is compiled.
PROGRAMS = Programs()
DATA = dataset()
SETTINGS = dict(epochs=4, placement="all", dropout=0.2, shuffle="epoch", learning_rate=0.01)


@pytest.fixture(autouse=True)
def made_data(monkeypatch):
    monkeypatch.setattr(run_module, "load_images", lambda _: DATA)
    monkeypatch.setattr(task_module, "load_images", lambda _: DATA)


def settings(tmp_path, **changes):
    return config(**{**SETTINGS, "out_dir": str(tmp_path), **changes})


def make(*configs, gated=True):
    """Makes a task; returns what was told, and the statuses by config."""
    told, statuses = [], {}

    def ended(config, status):
        assert config not in statuses
        statuses[config] = status

    task_module.make(Task(configs, gated), PROGRAMS, told.append, ended)
    return told, statuses


def epochs_of(config):
    return [record for record in records.read(record_path(config)) if record["kind"] == "epoch"]


def without_times(found):
    return [{key: r[key] for key in r.keys() - {*records.TIMING_FIELDS, "run_id"}} for r in found]


def summary_of(config):
    return records.find_summary(record_path(config))


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A run alone, and two lanes side by side."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_module, "load_images", lambda _: DATA)
        patch.setattr(task_module, "load_images", lambda _: DATA)
        folder = tmp_path_factory.mktemp("uninterrupted")
        alone = settings(folder / "alone")
        pair = [settings(folder / "lanes", seed=seed) for seed in (0, 1)]
        assert make(alone)[1] == {alone: "done"}
        assert make(*pair)[1] == dict.fromkeys(pair, "done")
    return alone, pair


def cut_after(monkeypatch, epochs):
    """The next runs are stopped by a signal after so many epochs, when these have been saved."""
    after_epoch, calls = Saves.after_epoch, []

    def stop(self):
        self._free_at = 0
        after_epoch(self)
        calls.append(None)
        if len(calls) == epochs:
            raise Stopped(15)

    monkeypatch.setattr(Saves, "after_epoch", stop)


def make_cut(monkeypatch, epochs, *configs):
    with monkeypatch.context() as patch:
        cut_after(patch, epochs)
        with pytest.raises(Stopped):
            make(*configs)


def test_a_run_that_was_cut_ends_as_if_it_had_not_been(uninterrupted, tmp_path, monkeypatch, capsys):
    whole, _ = uninterrupted
    mine = settings(tmp_path)
    make_cut(monkeypatch, 2, mine)
    assert summary_of(mine) is None
    told, statuses = make(mine)
    assert statuses == {mine: "done"}
    assert "goes on after epoch 2" in capsys.readouterr().err
    assert [record["epoch"] for record in told if record["kind"] == "epoch"] == [3, 4]
    assert without_times(epochs_of(mine)) == without_times(epochs_of(whole))
    assert summary_of(mine)["state_sha256"] == summary_of(whole)["state_sha256"]
    assert not list(tmp_path.rglob("checkpoint*"))


def test_lanes_that_were_cut_end_as_if_they_had_not_been(uninterrupted, tmp_path, monkeypatch):
    _, whole = uninterrupted
    mine = [settings(tmp_path, seed=seed) for seed in (0, 1)]
    make_cut(monkeypatch, 1, *mine)
    told, statuses = make(*mine)
    assert statuses == dict.fromkeys(mine, "done")
    assert [record["epoch"] for record in told if record["kind"] == "epoch"] == [2, 2, 3, 3, 4, 4]
    for a, b in zip(mine, whole, strict=True):
        assert without_times(epochs_of(a)) == without_times(epochs_of(b))
        assert summary_of(a)["state_sha256"] == summary_of(b)["state_sha256"]


def test_lanes_that_were_cut_at_different_epochs_all_end(tmp_path, monkeypatch):
    early, late = (settings(tmp_path, seed=seed) for seed in (0, 1))
    make_cut(monkeypatch, 1, early)
    make_cut(monkeypatch, 3, late)
    told, statuses = make(early, late)
    assert statuses == {early: "done", late: "done"}
    for one in (early, late):
        assert [record["epoch"] for record in epochs_of(one)] == [1, 2, 3, 4]
    made = [record["epoch"] for record in told if record["kind"] == "epoch"]
    assert made == [4, 2, 3, 4]


def test_lanes_tell_how_they_were_made(uninterrupted):
    alone, pair = uninterrupted
    programs = [records.read(record_path(config))[0]["program"] for config in (alone, *pair)]
    by_itself = {"gated": True, "lanes": 1, "kernels": "llvm"}
    assert programs == [by_itself] + [{"gated": True, "lanes": 2, "kernels": "xla"}] * 2


def test_what_gates_switch_off_is_not_counted(tmp_path):
    """Parameters and the final state's digest are those of the placement."""
    static, gated = (settings(tmp_path / name, placement="none", epochs=1) for name in ("static", "gated"))
    make(static, gated=False)
    make(gated)
    counts = [records.read(record_path(config))[0]["parameters"] for config in (static, gated)]
    assert counts[0] == counts[1]
    run = prepare(gated, DATA, programs=PROGRAMS, gated=True)
    assert "norm" in run.state.params["fc_dense1"]
    assert "norm" not in used_variables(run)[0]["fc_dense1"]
    assert used_variables(run)[1] == {}


def test_a_diverging_lane_is_recorded_and_the_others_go_on(tmp_path):
    common = dict(optimizer="sgd", epochs=2)
    good, bad = (settings(tmp_path, learning_rate=rate, **common) for rate in (0.01, 1e30))
    _, statuses = make(good, bad)
    assert statuses == {good: "done", bad: "diverged"}
    assert summary_of(bad)["status"] == "diverged"
    assert summary_of(good)["status"] == "done"


def test_a_run_that_a_signal_stops_behind_its_divergence_has_diverged(tmp_path, monkeypatch):
    def stop(self):
        raise Stopped(15)

    monkeypatch.setattr(attempt.Attempt, "_after_epoch", stop)
    common = dict(optimizer="sgd", epochs=2)
    bad, good = (settings(tmp_path, learning_rate=rate, **common) for rate in (1e30, 0.01))
    with pytest.raises(Stopped):
        make(good, bad)
    assert summary_of(bad)["status"] == "diverged"
    assert summary_of(good) is None  # it goes on from its checkpoint


def test_too_little_memory_halves_the_lanes(tmp_path, monkeypatch):
    sizes = []

    def hungry(group, *arguments):
        sizes.append(group.lanes)
        if sizes[-1] > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes.\nmore")
        train(group, *arguments)

    monkeypatch.setattr(attempt, "train", hungry)
    runs = [settings(tmp_path, seed=seed, epochs=1) for seed in range(4)]
    _, statuses = make(*runs)
    assert statuses == dict.fromkeys(runs, "done")
    assert sizes == [4, 2, 2]


def test_too_little_memory_for_the_one_run_that_is_left_takes_it_alone(tmp_path, monkeypatch):
    def full(group, *arguments):
        if group.lanes:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")
        train(group, *arguments)

    monkeypatch.setattr(attempt, "train", full)
    theirs, mine = (settings(tmp_path, seed=seed, epochs=1) for seed in (0, 1))
    with locked(record_path(theirs).parent):
        assert make(theirs, mine)[1] == {theirs: "elsewhere", mine: "done"}


def test_another_fault_of_the_device_is_told_of_every_lane(tmp_path, monkeypatch):
    def broken(*_):
        raise jax.errors.JaxRuntimeError("INTERNAL: it burns\nmore")

    monkeypatch.setattr(attempt, "train", broken)
    runs = [settings(tmp_path, seed=seed) for seed in range(2)]
    _, statuses = make(*runs)
    assert statuses == dict.fromkeys(runs, "the device failed (INTERNAL: it burns)")


_HOLDER = """
import sys, time
from pathlib import Path
from bnjax.runs.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder():
    """Starts another process that locks a folder."""
    started = []

    def start(folder):
        process = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_locked_run_is_left_to_its_process(tmp_path, holder):
    theirs, mine = (settings(tmp_path, seed=seed, epochs=1) for seed in (0, 1))
    other = holder(record_path(theirs).parent)
    assert make(theirs)[1] == {theirs: "elsewhere"}
    assert make(theirs, mine)[1] == {theirs: "elsewhere", mine: "done"}
    assert not record_path(theirs).exists()
    other.kill()
    other.wait()
    assert make(theirs)[1] == {theirs: "done"}  # the lock died with its process
    assert make(theirs, mine)[1] == {theirs: "done", mine: "done"}  # made before: nothing is made again
    assert len([record for record in records.read(record_path(mine)) if record["kind"] == "summary"]) == 1


def test_a_lock_ends_with_its_block(tmp_path):
    folder = tmp_path / "run"
    with locked(folder), pytest.raises(LockedError, match="another process is making the run"):
        locked(folder).__enter__()
    with locked(folder):
        pass


@pytest.fixture
def saved(tmp_path):
    """A run after two epochs with its checkpoint."""
    mine = dataclasses.replace(settings(tmp_path), epochs=2)
    run = prepare(mine, DATA, programs=PROGRAMS, gated=True)
    recorder = Recorder(mine, lambda _: None)
    train(Alone(run), lambda *_, **__: None, Progress(1, 1))
    folder = recorder.path.parent
    folder.mkdir(parents=True)
    checkpoint.save(folder, run)
    [path] = checkpoint.checkpoints(folder)
    return path, run


def test_a_checkpoint_gives_back_what_it_got(saved):
    path, run = saved
    fresh = prepare(run.config, DATA, programs=PROGRAMS, gated=True)
    assert digest(fresh.state.params) != digest(run.state.params)
    assert checkpoint.restore(checkpoint.load_checkpoint(path), fresh)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), fresh.state, run.state)
    assert all(jax.tree.leaves(same))
    assert fresh.epochs == run.epochs
    assert run.memories["dying"].keys() == run.kernels.keys()
    for site, kernel in run.kernels.items():
        np.testing.assert_array_equal(fresh.kernels[site], kernel)
        np.testing.assert_array_equal(fresh.memories["dying"][site], run.memories["dying"][site])


def test_a_damaged_checkpoint_is_none(saved):
    """Cut at any length, or with any bit turned."""
    path, _ = saved
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for length in random.integers(0, len(content), 20):
        path.write_bytes(content[:length])
        assert checkpoint.load_checkpoint(path) is None
    for position in random.integers(0, len(content), 40):
        turned = bytearray(content)
        turned[position] ^= 1 << int(random.integers(8))
        path.write_bytes(turned)
        assert checkpoint.load_checkpoint(path) is None


def test_a_checkpoint_of_another_network_is_not_taken(saved):
    path, run = saved
    other = prepare(dataclasses.replace(run.config, width=5), DATA)
    before = digest(other.state.params)
    assert not checkpoint.restore(checkpoint.load_checkpoint(path), other)
    assert digest(other.state.params) == before
    assert other.epochs == []


def test_a_run_with_a_damaged_checkpoint_starts_anew(tmp_path, monkeypatch):
    mine = settings(tmp_path)
    make_cut(monkeypatch, 2, mine)
    damaged = checkpoint.checkpoints(record_path(mine).parent)
    assert len(damaged) == 2
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-9])
    told, statuses = make(mine)
    assert statuses == {mine: "done"}
    assert [record["epoch"] for record in told if record["kind"] == "epoch"] == [1, 2, 3, 4]
    assert record_path(mine).with_name("metrics.1.jsonl").exists()


def test_a_process_keeps_few_programs_and_gives_them_up_together(tmp_path):
    programs = Programs()
    made = [programs.gated_of(settings(tmp_path, width=width), DATA) for width in (4, 5, 6, 7)]
    assert programs.gated_of(settings(tmp_path, width=4, seed=9), DATA) is made[0]
    fifth = programs.gated_of(settings(tmp_path, width=8), DATA)
    gone = [weakref.ref(program) for program in made]
    del made
    gc.collect()
    assert [reference() for reference in gone] == [None] * 4
    assert programs.gated_of(settings(tmp_path, width=8), DATA) is fifth
