"""The command that makes the runs which the answers rest on."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
import reproduce
from starting import SCRIPT

from bnjax.commands.parsing.flags import command_from_flags
from bnjax.studies import studies_of

REPRODUCE = SCRIPT.with_name("reproduce.py")
PLACES = {"data": "/data", "photos": "/photos", "weights": "/weights.h5"}
TINY = "--dataset=digits --image_size=8 --train_images=64 --test_images=32 --batch_size=32"


@pytest.fixture
def small(monkeypatch):
    """Two commands in place of all."""
    pieces = (
        reproduce.Piece("mnist", "tiny", f"--sweep=bn-or-not {TINY} --epochs=1 --data_dir={{data}}"),
        reproduce.Piece("cifar10", "needs photographs", "--dataset=folder:{photos}"),
    )
    monkeypatch.setattr(reproduce, "PIECES", pieces)


@pytest.mark.parametrize("piece", reproduce.PIECES, ids=lambda piece: f"{piece.study}-{piece.asks}")
def test_every_command_is_one(piece):
    command = command_from_flags([piece.study, *piece.arguments(PLACES)], piece.study)
    assert {config.recipe for config in command.configs} <= {"published", "controlled"}
    seeds = {config.seed for config in command.configs}
    assert len(seeds) >= 3
    assert seeds == set(range(len(seeds)))


def test_every_study_and_both_recipes_have_commands(capsys):
    assert reproduce.main(["reproduce.py", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(reproduce.PIECES)
    assert all(line.startswith("bnjax ") for line in lines)
    for study in ("cifar10", "vgg7", "mnist", "mobilenet"):
        for recipe in ("published", "controlled"):
            assert any(line.startswith(f"bnjax {study} --recipe={recipe}") for line in lines)
    for paper in studies_of("paper"):
        assert any(line.startswith(f"bnjax {paper} ") for line in lines), paper


def test_runs_are_made_and_what_cannot_be_is_said(small, tmp_path, capfd):
    runs = tmp_path / "runs"
    argv = ["reproduce.py", f"--data_dir={tmp_path}", f"--out_dir={runs}", "--jobs=1"]
    assert reproduce.main(argv) == 0
    said = capfd.readouterr()
    assert said.out == ""
    assert "left out without --photos: cifar10, needs photographs" in said.err
    assert f"results.py --keep {runs}" in said.err
    summaries = [json.loads(path.read_text().splitlines()[-1]) for path in runs.glob("*/metrics.jsonl")]
    assert [summary["status"] for summary in summaries] == ["done", "done"]


def test_the_hours_end_it_and_the_runs_are_kept(monkeypatch, tmp_path, capfd):
    pieces = (
        reproduce.Piece("mnist", "long", f"--sweep=bn-or-not {TINY} --epochs=100000 --data_dir={{data}}"),
    )
    monkeypatch.setattr(reproduce, "PIECES", pieces)
    runs = tmp_path / "runs"
    argv = ["reproduce.py", f"--data_dir={tmp_path}", f"--out_dir={runs}", "--jobs=1"]
    waits, wait = [], subprocess.Popen.wait

    def once(process, timeout=None):
        """The hours are over as soon as a run has an epoch."""
        waits.append(timeout)
        if len(waits) > 1:
            return wait(process, timeout)
        while not any(b'"epoch"' in path.read_bytes() for path in runs.glob("*/metrics.jsonl")):
            assert process.poll() is None
            time.sleep(0.1)
        raise subprocess.TimeoutExpired(process.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", once)
    assert reproduce.main([*argv, "--hours=1"]) == 3
    assert "the same command goes on" in capfd.readouterr().err
    last = [json.loads(path.read_text().splitlines()[-1]) for path in runs.glob("*/metrics.jsonl")]
    assert {record.get("status") for record in last} == {"interrupted"}


def test_ctrl_c_ends_it_with_130(tmp_path):
    command = [sys.executable, str(REPRODUCE), "--study=mnist", f"--data_dir={tmp_path}", "--dry_run"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        line = process.stderr.readline()
        assert "1 of 8: mnist" in line
        os.killpg(process.pid, signal.SIGINT)
        assert "interrupted; the same command goes on" in process.stderr.read()
    assert process.returncode == 130


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--hours=0"], "--hours=0 is not above 0"),
        (["--photos=/nowhere"], "--photos=/nowhere does not exist"),
        (["--study=resnet"], "'resnet'"),
        (["--study=mnist"], "name --data_dir, --photos or --weights"),
    ],
)
def test_what_is_wrong_with_a_command_line(flags, said, capsys):
    with pytest.raises(SystemExit) as ended:
        reproduce.main(["reproduce.py", *flags])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_every_line_of_the_list_is_a_command(capsys):
    """As it is printed, and as it is run."""
    places = ["--data_dir=/", "--photos=/", "--weights=/dev/null"]
    assert reproduce.main(["reproduce.py", "--list", *places]) == 0
    for line in capsys.readouterr().out.splitlines():
        program, study, *flags = shlex.split(line)
        assert program == "bnjax"
        assert command_from_flags([study, *flags], study).configs
