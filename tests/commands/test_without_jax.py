"""What comes before JAX: help and complaints of every script."""

import subprocess
import sys

import pytest

HEAVY = {"jax", "jaxtyping", "flax", "optax", "tensorflow", "tensorflow_datasets", "PIL"}


def test_the_script_helps_without_jax(run_watched):
    result = run_watched("--help")
    assert result.returncode == 0
    assert result.stderr == ""
    assert "--placement" in result.stdout
    assert "--dataset=digits" in result.stdout
    assert result.imported & HEAVY == set()
    assert "bnjax.settings.config" in result.imported


@pytest.mark.parametrize(
    ("argument", "word"),
    [
        ("--epoch=3", "--epochs"),
        ("--placement=cnov", "'cnov'"),
        ("--dropout=1.5", "--dropout=1.5"),
        ("--recipe=best", "--recipe=best"),
        ("--dataset=folders:x", "folder:PATH"),
        ("conv", "'conv'"),
        ("--epochs=abc", "--epochs=abc"),
    ],
)
def test_the_script_complains_without_jax(argument, word, run_watched, tmp_path):
    result = run_watched(argument, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert word in line
    assert result.imported & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_the_vgg7_door_helps_and_complains_without_jax(run_watched, tmp_path):
    told = run_watched("--help", script="vgg7.py")
    assert (told.returncode, told.stderr) == (0, "")
    assert "vgg7.py --sweep=groups --seeds=5" in told.stdout
    assert "block1, block2, fc, pick, groups, grid, grid-orders" in " ".join(told.stdout.split())
    refused = run_watched("--placement=block3", script="vgg7.py", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("vgg7.py: ")
    assert "'block3'" in line
    assert "crcr-crcr-drdr" in line
    assert (told.imported | refused.imported) & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_the_mobilenet_door_helps_and_complains_without_jax(run_watched, tmp_path):
    told = run_watched("--help", script="mobilenet.py")
    assert (told.returncode, told.stderr) == (0, "")
    assert "mobilenet.py --sweep=order --seeds=3" in told.stdout
    assert "order, order-bias" in told.stdout
    refused = run_watched("--order=behind", script="mobilenet.py", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("mobilenet.py: --order=behind is not one of before, after")
    assert (told.imported | refused.imported) & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_the_finetune_door_helps_and_complains_without_jax(run_watched, tmp_path):
    told = run_watched("--help", script="finetune.py")
    assert (told.returncode, told.stderr) == (0, "")
    assert "modes, separate, keras2" in " ".join(told.stdout.split())
    refused = run_watched("--model=cnn", script="finetune.py", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("finetune.py: --freeze_until=249 is not a block of cnn: block1, block2, fc")
    assert "--freeze_until is the default of finetune" in line
    assert (told.imported | refused.imported) & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_help_whose_reader_has_gone_ends_quietly(cifar10_command):
    process = subprocess.Popen(
        [*cifar10_command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    stderr = process.stderr.read()
    process.wait(60)
    process.stderr.close()
    assert stderr == ""


def test_nothing_on_the_lower_floors_imports_jax():
    modules = "bnjax.studies, bnjax.records, bnjax.commands.parsing.flags"
    code = f"import {modules}, sys; print({HEAVY} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_absent_data_is_answered_without_jax(run_watched, tmp_path):
    result = run_watched(f"--data_dir={tmp_path / 'nowhere'}", cwd=tmp_path)
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert str(tmp_path / "nowhere") in line
    assert "jax" not in result.imported
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("script", "argument", "words"),
    [
        ("speed_lanes.py", "--lanes=0", ("--lanes", "'0'")),
        ("speed_lanes.py", "--networks=mlp,cmm", ("'cmm'", "cnn, vgg7, mlp")),
        ("speed_layers.py", "--rounds=x", ("--rounds", "'x'")),
        ("speed_grid.py", "--placements=65", ("'65'", "1 to 64")),
        ("speed_stream.py", "/nowhere", ("/nowhere", "does not exist")),
    ],
)
def test_a_speed_script_complains_without_jax(script, argument, words, run_watched):
    result = run_watched(argument, script=script)
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith(f"{script}: ")
    assert [word for word in words if word not in line] == []
    assert "jax" not in result.imported
