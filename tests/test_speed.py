"""The speed comparison: its door does what it says, and a short contest ends in records."""

# ruff: noqa: E402  # the experiments are no package: their folder has to be on the path first

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

import speed
from speed_peers.contestants import CONTESTANTS, Contestant
from speed_peers.networks import ARCHITECTURES, Task
from speed_peers.processes import Worker, WorkerError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--rounds=0", "--rounds"),
        ("--threads=100000", "--threads"),
        ("--networks=cnn,resnet", "'resnet' is not one of cnn, vgg7, mlp"),
        ("--contestants=", "'' is not one of bnjax, bnjax-precomputed, flax"),
        ("--nonsense=1", "nonsense"),
        ("--frozen", "--frozen is of inceptionv3 alone; add --networks=inceptionv3"),
        ("stray", "'stray' is not a flag"),
        ("--out=no/such/folder/file", "No such file"),
        ("--image_size=100", "--image_size=100: mobilenetv2 takes multiples of 32 pixels"),
        ("--networks=inceptionv3 --image_size=64", "inceptionv3 takes images from 75 pixels a side"),
    ],
)
def test_wrong_usage(capsys, argument, words):
    with pytest.raises(SystemExit) as caught:
        speed.main(["somewhere/speed.py", *argument.split()])
    out, err = capsys.readouterr()
    assert (caught.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("speed.py: ")
    assert words in err


def test_help_imports_no_contestant():
    program = f"""
import runpy, sys
sys.argv = ["speed.py", "--help"]
try:
    runpy.run_path({str(EXPERIMENTS / "speed.py")!r}, run_name="__main__")
except SystemExit as ended:
    assert ended.code == 0
assert not {{"jax", "flax", "keras", "torch"}} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(EXPERIMENTS)}
    shown = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert "--contestants" in shown.stdout


def test_who_is_not_installed_is_named():
    absent = Contestant("plain_flax", ("flax", "no_such_library"))
    assert absent.obstacle(ARCHITECTURES["cnn"]) == "no_such_library is not installed"
    assert CONTESTANTS["flax"].obstacle(ARCHITECTURES["cnn"]) is None
    inceptionv3 = ARCHITECTURES["inceptionv3"]
    assert CONTESTANTS["flax"].obstacle(inceptionv3, frozen=True) == "it freezes nothing here"
    assert CONTESTANTS["bnjax-precomputed"].obstacle(inceptionv3).startswith("nothing is frozen")
    assert CONTESTANTS["bnjax-precomputed"].obstacle(inceptionv3, frozen=True) is None


def test_a_contestant_that_fails_says_why(tmp_path):
    with pytest.raises(WorkerError, match=r"ModuleNotFoundError: No module named 'speed_peers\.nobody'"):
        Worker(Contestant("nobody", ("jax",)), Task("mlp", 8, 1), tmp_path)


def test_a_short_contest(tmp_path):
    out = tmp_path / "speed.jsonl"
    flags = ["--networks=mlp", "--contestants=bnjax,flax", "--rounds=1", "--steps=1", "--batch_size=8"]
    command = [sys.executable, str(EXPERIMENTS / "speed.py"), *flags, f"--out={out}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert run.returncode == 0, run.stderr
    assert out.read_text() == run.stdout
    machine, ours, theirs, product = (json.loads(line) for line in run.stdout.splitlines())
    assert machine["kind"] == "machine"
    assert machine["versions"]["jax"] == jax.__version__
    assert product["gflops"]["median"] > 0
    assert (ours["contestant"], theirs["contestant"]) == ("bnjax", "flax")
    assert ours["ratio"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    expected = theirs["step_ms_by_round"][0] / ours["step_ms_by_round"][0]
    assert theirs["ratio"]["median"] == pytest.approx(expected, rel=1e-2)
    assert theirs["evaluation_images_per_second"] == pytest.approx(
        8e3 / theirs["evaluation_ms_by_round"][0], rel=1e-2
    )
    assert 50 < ours["peak_memory_mib"] < 20_000
    assert theirs["parameters"] == ours["parameters"] == 203_530 + 2 * 256
    assert "to bnjax" in run.stderr
