"""What a person sees on a terminal, and what a pipe gets in its place."""

import os
import pty
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bnjax import records
from bnjax.commands import comparison
from bnjax.commands.comparison import Compared, compared, row_in_words
from bnjax.commands.ranked import ranking, told_apart
from bnjax.commands.terminal import JSONLines, Screen, Silence, box, voice_of, write
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.options import Options
from bnjax.stats.intervals import estimate

TINY = ("--dataset=digits", "--model=mlp", "--width=16", "--epochs=3", "--placement=all")
ENDED = dict(
    status="done", epochs=3, steps=33, state_sha256=None, compile_seconds=1.0, seconds=2.5, run_id="x"
)


def on_a_terminal(*arguments, **environment):
    """Exit code of a command whose stdout is a terminal of 110 columns, what it shows, and its stderr."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "bnjax", "cifar10", *arguments]
    environment = {**os.environ, "COLUMNS": "110", "TERM": "dumb", **environment}
    with subprocess.Popen(command, stdout=slave, stderr=subprocess.PIPE, env=environment) as process:
        os.close(slave)
        shown = b""
        while chunk := _read(master):
            shown += chunk
        stderr = process.stderr.read().decode()
    os.close(master)
    return process.returncode, shown.decode().replace("\r\n", "\n"), stderr


def _read(master):
    try:
        return os.read(master, 1 << 16)
    except OSError:  # Linux's way to say that the other end was closed
        return b""


def shown_of(what, capsys):
    write(what)
    return capsys.readouterr().out


@pytest.mark.slow
def test_a_run_is_a_line_an_epoch_and_a_box(tmp_path):
    code, shown, _ = on_a_terminal(*TINY, f"--out_dir={tmp_path}")
    assert code == 0
    [path] = tmp_path.glob("*/metrics.jsonl")
    run, *epochs, summary = records.read(path)
    first, titles, *lines = shown.splitlines()
    assert first.startswith(f"mlp dense, {run['parameters']:,} parameters; digits, 1,438 training images")
    assert titles.split()[0] == "epoch"
    for epoch, line in zip(epochs, lines, strict=False):
        assert len(line) == len(titles)
        assert line.split()[0] == str(epoch["epoch"])
        assert f"{epoch['test_accuracy']:.2%}" in line
        assert f"{epoch['train_loss']:.4f}" in line
    closing = "\n".join(lines[3:])
    assert f"last {summary['final']['test_accuracy']:.2%}" in closing
    assert f"best {summary['best']['test_accuracy']:.2%}" in closing
    assert f"fc/dense1 {summary['dying']['fc/dense1']['silent']} of 16" in closing
    assert lines[-1] == f"Records: {path}"
    assert "next" in closing
    assert "{" not in shown
    assert max(map(len, shown.splitlines())) <= 110
    code, again, stderr = on_a_terminal(*TINY, f"--out_dir={tmp_path}")
    assert code == 0
    assert again.strip() == closing.strip()
    assert "finished before" in stderr
    assert "lack" not in stderr
    *_, stderr = on_a_terminal(*TINY, "--probes=calibration,lag", f"--out_dir={tmp_path}")
    assert "its records lack calibration, lag of --probes, which --overwrite makes anew" in stderr


@pytest.mark.slow
def test_json_and_quiet_are_obeyed_on_a_terminal(tmp_path):
    code, shown, _ = on_a_terminal(*TINY, "--json", f"--out_dir={tmp_path / 'a'}")
    [path] = (tmp_path / "a").glob("*/metrics.jsonl")
    assert (code, shown) == (0, path.read_text(encoding="utf-8"))
    code, shown, _ = on_a_terminal(*TINY, "--quiet", f"--out_dir={tmp_path / 'b'}")
    [path] = (tmp_path / "b").glob("*/metrics.jsonl")
    assert (code, shown) == (0, "")
    assert records.read(path)[-1]["status"] == "done"


@pytest.mark.slow
def test_a_sweep_ends_with_its_conditions_ranked(tmp_path):
    flags = (*TINY[:-1], "--vary=placement=none|all", "--seeds=2", "--jobs=1", f"--out_dir={tmp_path}")
    code, shown, _ = on_a_terminal(*flags)
    assert code == 0
    assert shown.count("done ") == 4
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown)
    [best, worst] = [line for line in plain.splitlines() if re.match(r"│ (none|dense) ", line)]
    assert {best.split()[1], worst.split()[1]} == {"none", "dense"}
    assert ("reference" in best) != ("reference" in worst)
    accuracies = [float(re.search(r"([0-9.]+)%", line)[1]) for line in (best, worst)]
    assert accuracies == sorted(accuracies, reverse=True)


@pytest.mark.parametrize(
    ("options", "terminal", "voice"),
    [
        (Options(), False, JSONLines),
        (Options(json=True), True, JSONLines),
        (Options(quiet=True), True, Silence),
        (Options(quiet=True), False, Silence),
        (Options(), True, Screen),
    ],
)
def test_who_speaks(options, terminal, voice, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    assert type(voice_of(options, [resolve(Config())])) is voice


@pytest.mark.parametrize(
    ("status", "config", "said"),
    [
        ("done", Config(), "--placement=all puts norms everywhere"),
        ("done", Config(placement="conv"), "'--vary=placement=none|conv' compares"),
        ("diverged", Config(learning_rate=0.5), "a smaller --learning_rate than 0.5"),
        ("interrupted", Config(), "the same command goes on after step 33"),
    ],
)
def test_the_box_says_what_to_do_next(status, config, said, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    ended = {**ENDED, "status": status, "final": {}, "best": {}, "dying": {}}
    shown = shown_of(box(ended, resolve(config)), capsys)
    assert said in " ".join(shown.replace("│", "").split())


def test_a_box_names_few_sites_of_many(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    dying = {f"block{n}/conv1": {"silent": n, "flat": 0, "units": 32} for n in range(1, 20)}
    dying["block9/conv1"]["flat"] = None  # frozen
    shown = shown_of(box({**ENDED, "final": {}, "best": {}, "dying": dying}, resolve(Config())), capsys)
    assert "block8/conv1 8 of 32" in " ".join(shown.replace("│", "").split())
    assert "block9/" not in shown
    assert "and 10 more sites" in " ".join(shown.replace("│", "").split())


def test_many_conditions_are_cut(capsys):
    some = Compared("x", estimate([0.5, 0.6]), None, None, 0.5, None, 0, False)
    assert "and 60 more conditions" in shown_of(ranking([some] * 100), capsys)


def test_a_ranking_says_what_names_leave_out(capsys):
    some = Compared("none", estimate([0.5, 0.6]), None, None, 0.5, None, 0, False)
    assert "Where a condition says nothing else: dropout 0.0" in shown_of(
        ranking([some], "dropout 0.0"), capsys
    )
    assert "Where" not in shown_of(ranking([some]), capsys)


def condition(name, accuracies, differences=(), fresh=None, left_out=0):
    """A condition of a ranking; the one without differences is the reference."""
    difference = estimate(list(differences)) if differences else None
    return Compared(
        name, estimate(accuracies), fresh, estimate([0.1, 0.2]), 0.25, difference, left_out, not differences
    )


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (110, ["condition", "n", "test accuracy", "difference, points", "test loss", "silent"]),
        (80, ["condition", "n", "test accuracy", "difference, points", "silent"]),
        (71, ["condition", "n", "test accuracy", "difference, points"]),
    ],
)
def test_a_ranking_fits_the_terminal_and_folds_no_number(columns, titles, capsys, monkeypatch):
    """Columns that say nothing are left out, and on a narrow terminal the least of the others."""
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [
        condition("dense, activation leaky_relu", [0.97, 0.98, 0.99], [0.01, 0.02, 0.03]),
        condition("none", [0.96] * 3),
    ]
    shown = shown_of(ranking(rows), capsys)
    assert max(map(len, shown.splitlines())) <= columns
    [heads] = [line for line in shown.splitlines() if "test accuracy" in line]
    assert [cell.strip() for cell in heads.strip("│").split("│")] == titles
    assert "98.00% [95.52, 100.48]" in shown
    assert "+2.00 [-0.48, +4.48]" in shown


def test_a_ranking_shows_fresh_readings_and_what_is_left_out_where_there_are_any(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")
    rows = [condition("dense", [0.9, 0.9], [0.1, 0.1], estimate([0.8]), 1), condition("none", [0.8, 0.8])]
    shown = shown_of(ranking(rows), capsys)
    assert "│  fresh │" in shown
    assert "│ left out │" in shown


def test_a_ranking_says_which_conditions_differ():
    none, dense = condition("none", [0.8] * 3), condition("dense", [0.9] * 3, [0.1, 0.11, 0.12])
    conv = condition("conv", [0.8] * 3, [-0.1, 0.1, 0.12])
    assert told_apart([dense, conv, none]) == (
        "Differs from none: dense. Undecided, since the interval holds 0: conv."
    )
    many = [condition(f"c{n}", [0.8] * 3, [-0.1, 0.1, 0.12]) for n in range(6)]
    assert told_apart([none, *many]) == "Undecided, since the interval holds 0: c0; c1; c2; c3; and 2 more."
    assert "With one seed nobody can tell" in told_apart([none, condition("all", [0.9], [0.1])])
    assert told_apart([none]) == ""


def test_conditions_without_records_are_compared_to_nothing(tmp_path):
    configs = [resolve(Config(placement=text, out_dir=str(tmp_path))) for text in ("none", "all")]
    rows = compared(configs)
    assert [(row.name, row.accuracy, row.difference, row.left_out) for row in rows] == [
        ("none", None, None, 1),
        ("conv,dense", None, None, 1),
    ]


def test_intervals_stay_within_what_a_run_may_have(monkeypatch):
    """Of 0.97, 0.99 and 1 the interval of Student's t would reach 1.02."""
    accuracies = {0: 0.97, 1: 0.99, 2: 1.0}

    def recorded(configs):
        epoch = {"test_accuracy": accuracies[configs[0].seed], "test_loss": 0.1, "dying": {}}
        return [SimpleNamespace(summary={"status": "done"}, epochs=[epoch])]

    monkeypatch.setattr(comparison, "recorded", recorded)
    configs = [resolve(Config(placement=text, seed=seed)) for text in ("none", "all") for seed in accuracies]
    first, second = compared(configs)
    assert first.accuracy.high == 1.0
    assert first.accuracy.low == pytest.approx(estimate(list(accuracies.values())).low)
    assert row_in_words(first)["test accuracy"].endswith("100.00]")
    assert (first.is_reference, second.difference.mean, second.left_out) == (True, 0.0, 0)
