"""The CIFAR-10 experiment from its command line to its records, as a user starts it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import warnings

import pytest
from starting import PATIENCE

from bnjax import records
from bnjax.process.progress import Progress
from bnjax.process.signals import Stopped, stop_signals
from bnjax.runs.recording.recorder import Recorder, print_record
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.settings.places import record_path

pytestmark = pytest.mark.slow

# A network so small that nearly all of the time is Python's start and JAX's compiler.
SMALL = ("--dataset=digits", "--model=mlp", "--width=16", "--batch_size=64")
TWO_EPOCHS = ("--norm_momentum=0.9", *SMALL, "--epochs=2", "--placement=all", "--dropout=0.2")
ENDLESS = (*SMALL, "--epochs=100000")
DIVERGING = (*SMALL, "--epochs=2", "--optimizer=sgd", "--learning_rate=1e30")
HEAVY = {"jax", "jaxtyping", "flax", "optax", "tensorflow_datasets"}


def run(command, *arguments, **options):
    options = dict(capture_output=True, text=True, timeout=PATIENCE, check=False) | options
    return subprocess.run([*command, *arguments], **options)


def file_of(out_dir):
    """The one file of records below a folder."""
    [path] = out_dir.glob("*/metrics.jsonl")
    return path


def read(path):
    """Records, with a torn line as an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return records.read(path)


def strict(line):
    """A JSON object without NaN or Infinity."""
    return json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.fixture(scope="module")
def first_run(cifar10_command, tmp_path_factory):
    """A finished run, begun anew for huge pages: its process, and the folder with its records."""
    out_dir = tmp_path_factory.mktemp("first")
    users = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    return run(cifar10_command, *TWO_EPOCHS, f"--out_dir={out_dir}", env=users), out_dir


def test_a_run_ends_well_and_says_nothing_else(first_run):
    process, _ = first_run
    assert process.stderr == ""
    assert process.returncode == 0


def test_stdout_and_the_file_hold_the_same_lines(first_run):
    process, out_dir = first_run
    assert process.stdout == file_of(out_dir).read_text(encoding="utf-8")
    assert [strict(line) for line in process.stdout.splitlines()] == read(file_of(out_dir))


def test_records_are_a_run_its_epochs_and_a_summary(first_run):
    found = read(file_of(first_run[1]))
    assert [item["kind"] for item in found] == ["run", "epoch", "epoch", "summary"]
    for item in found:
        records.validate(item)
        assert item["run_id"] == file_of(first_run[1]).parent.name
    run_record, one, two, summary = found
    assert run_record["config"]["placement"] == "drB"
    assert (one["epoch"], two["epoch"]) == (1, 2)
    assert (one["step"], two["step"], summary["steps"]) == (22, 44, 44)
    assert summary["epochs"] == 2
    assert summary["status"] == "done"
    assert len(summary["state_sha256"]) == 64
    assert summary["dying"] == two["dying"]
    assert summary["final"]["test_loss"] == two["test_loss"]
    assert summary["best"]["test_loss"] == min(one["test_loss"], two["test_loss"])


def test_a_run_record_tells_where_its_numbers_come_from(first_run):
    run_record = read(file_of(first_run[1]))[0]
    config = Config(**run_record["config"])
    assert config == resolve(config)
    assert run_id(config) == run_record["run_id"]
    assert run_record["sites"] == {"fc/dense1": "after"}
    assert run_record["data"]["name"] == "digits"
    assert run_record["data"]["train_images"] == 1438
    # 28 x 28 pixels to 16 units with their biases, scale and bias of the norm, 10 logits.
    assert run_record["parameters"] == (784 * 16 + 16) + 2 * 16 + (16 * 10 + 10)
    assert run_record["device"]["platform"] == "cpu"
    assert {"python", "bnjax", "jax", "flax", "optax", "numpy"} <= run_record["versions"].keys()


def test_an_epoch_record_counts_every_unit(first_run):
    for item in read(file_of(first_run[1]))[1:3]:
        [counts] = item["dying"].values()
        assert counts["units"] == 16
        assert 0 <= counts["silent"] <= 16
        # 359 test images: every accuracy is a whole number of them.
        assert item["test_accuracy"] * 359 == pytest.approx(round(item["test_accuracy"] * 359), abs=1e-6)
        assert item["status"] == "ok"


def test_a_second_start_shows_the_summary_without_jax(first_run, run_watched):
    process, out_dir = first_run
    before = file_of(out_dir).read_bytes()
    again = run_watched(*TWO_EPOCHS, f"--out_dir={out_dir}")
    assert again.returncode == 0
    assert again.stdout.splitlines() == process.stdout.splitlines()[-1:]
    assert len(again.stderr.splitlines()) == 1
    assert "--overwrite" in again.stderr
    assert again.imported & HEAVY == set()
    assert file_of(out_dir).read_bytes() == before


def without_times(found):
    """Records without what no two runs share; a commit may gain its -dirty between two of them."""
    apart = {*records.TIMING_FIELDS, "git_commit"}
    kept = [{name: value for name, value in item.items() if name not in apart} for item in found]
    for item in kept:
        item.get("config", {}).pop("out_dir", None)
        item.get("config", {}).pop("overwrite", None)
    return kept


def test_the_same_flags_give_the_same_records(first_run, cifar10_command, tmp_path):
    process = run(cifar10_command, *TWO_EPOCHS, f"--out_dir={tmp_path}")
    assert process.returncode == 0
    first, second = read(file_of(first_run[1])), read(file_of(tmp_path))
    assert first[-1]["state_sha256"] == second[-1]["state_sha256"]
    assert without_times(first) == without_times(second)


def test_overwrite_runs_again_and_keeps_the_older_file(first_run, cifar10_command, tmp_path):
    _, out_dir = first_run
    older = file_of(out_dir)
    folder = tmp_path / older.parent.name
    folder.mkdir()
    (folder / "metrics.jsonl").write_bytes(older.read_bytes())
    process = run(cifar10_command, *TWO_EPOCHS, f"--out_dir={tmp_path}", "--overwrite")
    assert process.returncode == 0
    visible = [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    assert sorted(visible) == ["metrics.1.jsonl", "metrics.jsonl"]
    assert (folder / "metrics.1.jsonl").read_bytes() == older.read_bytes()
    assert (folder / "metrics.jsonl").read_text(encoding="utf-8") == process.stdout
    assert without_times(read(folder / "metrics.jsonl")) == without_times(read(older))


@pytest.fixture(scope="module")
def diverged_run(cifar10_command, tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("diverged")
    return run(cifar10_command, *DIVERGING, f"--out_dir={out_dir}"), out_dir


def test_a_diverging_run_says_so_and_fails(diverged_run):
    process, out_dir = diverged_run
    assert process.returncode == 1
    found = [strict(line) for line in process.stdout.splitlines()]
    assert found == read(file_of(out_dir))
    assert [item["kind"] for item in found] == ["run", "epoch", "summary"]
    assert found[1]["status"] == found[2]["status"] == "diverged"
    assert found[1]["train_loss"] is None
    assert found[2]["final"] == found[2]["best"] == {}
    assert found[2]["state_sha256"] is None
    assert "NaN" not in process.stdout
    assert "Traceback" not in process.stderr


def test_a_diverged_run_is_not_run_again(diverged_run, run_watched):
    process, out_dir = diverged_run
    again = run_watched(*DIVERGING, f"--out_dir={out_dir}")
    assert again.returncode == 1
    assert again.stdout.splitlines() == process.stdout.splitlines()[-1:]
    assert again.imported & HEAVY == set()


@contextlib.contextmanager
def started(command, *arguments):
    """A running process whose output can be read; it is ended in any case."""
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until_epoch(process):
    """The lines up to the first epoch record."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if strict(line)["kind"] == "epoch":
            return lines
    pytest.fail(f"no epoch came: {process.stderr.read()}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_with_its_summary(number, code, cifar10_command, tmp_path):
    with started(cifar10_command, *ENDLESS, f"--out_dir={tmp_path}") as process:
        lines = read_until_epoch(process)
        process.send_signal(number)
        rest, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    assert "".join(lines) + rest == file_of(tmp_path).read_text(encoding="utf-8")
    *_, last_epoch, summary = read(file_of(tmp_path))
    assert summary["kind"] == "summary"
    assert summary["status"] == "interrupted"
    assert summary["epochs"] == last_epoch["epoch"] >= 1
    assert stderr == f"cifar10.py: the same command goes on after step {summary['steps']}\n"
    assert summary["steps"] >= last_epoch["step"]
    assert summary["final"]["test_accuracy"] == last_epoch["test_accuracy"]
    assert summary["state_sha256"] is None
    assert records.find_summary(file_of(tmp_path)) is None


def test_a_reader_that_leaves_early_does_not_end_a_run(cifar10_command, tmp_path):
    with started(cifar10_command, *TWO_EPOCHS, "--seed=1", f"--out_dir={tmp_path}") as process:
        assert strict(process.stdout.readline())["kind"] == "run"
        process.stdout.close()
        assert process.wait(400) == 0
        assert process.stderr.read() == ""
    assert read(file_of(tmp_path))[-1]["status"] == "done"


def assert_failed_with_one_line(process, *words):
    assert process.returncode == 1
    assert process.stdout == ""
    [line] = process.stderr.splitlines()
    assert line.startswith("cifar10.py: ")
    assert [word for word in words if word not in line] == []


def test_absent_data_is_answered_with_one_line(cifar10_command, tmp_path):
    arguments = ("--dataset=cifar10", f"--data_dir={tmp_path / 'nowhere'}", f"--out_dir={tmp_path / 'runs'}")
    process = run(cifar10_command, *arguments)
    assert_failed_with_one_line(process, str(tmp_path / "nowhere"), "--data_dir", "--dataset=digits")
    assert not (tmp_path / "runs").exists()


def test_a_dataset_that_is_no_name_is_answered_with_one_line(cifar10_command, tmp_path):
    process = run(cifar10_command, "--dataset=/etc", f"--data_dir={tmp_path}", cwd=tmp_path)
    assert process.returncode in (1, 2)
    [line] = process.stderr.splitlines()
    assert "/etc" in line


def test_a_file_in_the_way_of_out_dir_is_answered_with_one_line(cifar10_command, tmp_path):
    (tmp_path / "file").touch()
    process = run(cifar10_command, *TWO_EPOCHS, f"--out_dir={tmp_path / 'file'}")
    assert_failed_with_one_line(process, str(tmp_path / "file"))


def test_too_few_images_for_a_batch_are_answered_with_one_line(cifar10_command, tmp_path):
    process = run(cifar10_command, *SMALL, "--batch_size=1439", f"--out_dir={tmp_path}")
    assert_failed_with_one_line(process, "1438", "1439", "--batch_size")


def test_damaged_records_are_named_and_not_lost(first_run, cifar10_command, tmp_path):
    older = file_of(first_run[1])
    path = tmp_path / older.parent.name / "metrics.jsonl"
    path.parent.mkdir()
    path.write_bytes(b"{\n" + older.read_bytes())
    process = run(cifar10_command, *TWO_EPOCHS, f"--out_dir={tmp_path}")
    assert_failed_with_one_line(process, str(path), "line 1", "--overwrite")
    assert path.read_bytes() == b"{\n" + older.read_bytes()


# What a run writes with, without running one


def small_record(recorder, path):
    """One record, as an earlier run would have left it."""
    fields = dict(
        status="done", epochs=1, steps=1, final={}, best={}, dying={}, state_sha256=None, seconds=1.0
    )
    recorder.emit("summary", **fields)
    return path.read_bytes()


def test_no_earlier_file_is_ever_replaced(tmp_path, capsys):
    config = resolve(Config(out_dir=str(tmp_path)))
    path = record_path(config)
    path.parent.mkdir()
    kept = {"metrics.jsonl": "newest", "metrics.2.jsonl": "second"}  # the first was removed
    for name, text in kept.items():
        path.with_name(name).write_text(text)
    small_record(Recorder(config, print_record), path)
    texts = {file.read_text() for file in path.parent.iterdir() if file != path}
    assert texts == set(kept.values())
    assert [item["kind"] for item in read(path)] == ["summary"]
    assert strict(capsys.readouterr().out) == read(path)[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_waits_until_a_record_is_whole(number, tmp_path, capsys, monkeypatch):
    recorder = Recorder(resolve(Config(out_dir=str(tmp_path))), print_record)
    monkeypatch.setattr(os, "fsync", lambda file: signal.raise_signal(number))
    with pytest.raises(Stopped), stop_signals():
        small_record(recorder, recorder.path)
    assert capsys.readouterr().out == recorder.path.read_text(encoding="utf-8") != ""


def test_signals_do_what_they_did_before_when_a_run_has_ended():
    before = signal.getsignal(signal.SIGTERM)
    with stop_signals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_folder_appears_with_the_first_record(tmp_path, capsys):
    recorder = Recorder(resolve(Config(out_dir=str(tmp_path / "a" / "b"))), print_record)
    assert not (tmp_path / "a").exists()
    assert small_record(recorder, recorder.path).decode() == capsys.readouterr().out


def test_out_dir_may_start_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert record_path(resolve(Config(out_dir="~/runs"))).parents[1] == tmp_path / "runs"


def test_a_process_without_stdout_or_stderr_runs_too(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    print_record({"kind": "summary"})
    with Progress(2, 1) as progress:
        progress.advance(1, 1, 0.5)


def test_a_broken_pipe_is_left_alone(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        print_record({"kind": "summary"})
        assert sys.stdout is not broken
        print_record({"kind": "summary"})
        sys.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            broken.close()
