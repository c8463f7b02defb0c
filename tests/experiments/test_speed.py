"""The speed comparison: its door does what it says, and a short contest ends in records."""

# ruff: noqa: E402  # the experiments are no package: their folder has to be on the path first

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from starting import PATIENCE

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"

import speed
import speed_report
from speed_peers.contestants import CONTESTANTS, Contestant
from speed_peers.measurement_files import load_speed
from speed_peers.networks import ARCHITECTURES, Task
from speed_peers.processes import Worker, WorkerError
from speed_peers.sweep import sweep_norms, sweep_seconds

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
        ("--networks=inceptionv3 --frozen --sweep=2", "--sweep=2 trains whole networks, and --frozen a part"),
        ("stray", "'stray' is not a flag"),
        ("--precisions=float32,float16", "'float16' is not one of float32, bfloat16"),
        ("--epoch_data=cifar10", "--epoch_data"),
        ("--out=no/such/folder/file", "No such file"),
        ("--image_size=100", "--image_size=100: mobilenetv2 takes multiples of 32 pixels"),
        (
            "--networks=mlp,cnn --image_size=64",
            "--image_size=64: the images of mlp, cnn have a size of their own",
        ),
        (
            "--epochs=0 --epoch_data=digits",
            "--epoch_data=digits says what epochs are, and --epochs=0 trains none",
        ),
        ("--epoch_data=digits --epoch_steps=3", "--epoch_steps=3: an epoch of digits is all of them"),
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


@pytest.mark.parametrize("lines", ["0", "1500"])
def test_lines_that_speed_report_would_not_read_are_refused(capsys, tmp_path, lines):
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(SystemExit) as caught:
        speed_report.main(["speed_report.py", str(tmp_path), f"--lines={lines}"])
    assert caught.value.code == 2
    assert f"--lines={lines}: multiples of 1000 are accepted" in capsys.readouterr().err


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
    flags = ["--networks=mlp", "--contestants=bnjax,flax", "--rounds=1", "--steps=1", "--batch_size=32"]
    flags += ["--precisions=bfloat16", "--epochs=2", "--epoch_data=digits"]
    command = [sys.executable, str(EXPERIMENTS / "speed.py"), *flags, f"--out={out}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert run.returncode == 0, run.stderr
    assert out.read_text() == run.stdout
    machine, *found = (json.loads(line) for line in run.stdout.splitlines())
    products = [record for record in found if record["kind"] == "matrix_product"]
    ours, theirs = (record for record in found if record["kind"] == "speed")
    assert machine["kind"] == "machine"
    assert machine["versions"]["jax"] == jax.__version__
    assert {record["precision"] for record in found} == {"bfloat16"}
    assert (ours["contestant"], theirs["contestant"]) == ("bnjax", "flax")
    assert ours["ratio"] == {"median": 1.0, "min": 1.0, "max": 1.0}
    expected = theirs["step_ms_by_round"][0] / ours["step_ms_by_round"][0]
    assert theirs["ratio"]["median"] == pytest.approx(expected, rel=1e-2)
    assert theirs["evaluation_images_per_second"] == pytest.approx(
        32e3 / theirs["evaluation_ms_by_round"][0], rel=1e-2
    )
    assert 50 < ours["peak_memory_mib"] < 20_000
    assert theirs["parameters"] == ours["parameters"] == 203_530 + 2 * 256
    fastest = max(product["gflops"]["median"] for product in products)
    reached = theirs["step_gflop"] / (theirs["step_ms"]["median"] / 1e3) / fastest
    assert theirs["of_product"]["median"] == pytest.approx(reached, rel=1e-2)
    assert theirs["epoch_images"] == 1438 // 32 * 32
    assert 0 < theirs["epoch_seconds"]["min"] < theirs["epoch_seconds"]["max"]
    assert "to bnjax" in run.stderr
    [measurement] = load_speed([out]).measurements
    assert measurement[0] == machine


def test_placements_of_a_sweep_differ():
    assert sweep_norms("mlp", 4) == ["1", "0"]
    assert sweep_norms("vgg7", 4) == ["111111", "000000", "010101", "101010"]
    assert len(set(sweep_norms("mobilenetv2", 6))) == 6


@pytest.mark.parametrize("contestant", ["bnjax", "flax"])
def test_a_small_sweep(contestant, tmp_path):
    task = Task("mlp", 32, threads=1, epoch_data="digits")
    assert sweep_seconds(contestant, task, sweep_norms("mlp", 2), tmp_path) > 0


def test_a_sweep_that_fails_says_why(tmp_path):
    with pytest.raises(WorkerError, match="digits do not fill a batch of 2000"):
        sweep_seconds("flax", Task("mlp", 2000, threads=1, epoch_data="digits"), ["1"], tmp_path)
