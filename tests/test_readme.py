"""The README's commands are the ones that are run."""

import re
from pathlib import Path

import jax.numpy as jnp
import pytest
from test_keras_files import write_keras_file, zeros

from bnjax.models import MobileNetV2

ROOT = Path(__file__).parents[1]


def readme_commands():
    """The indented lines of the README that set an environment up."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith("    python3 -m venv")]


def test_two_commands_set_everything_up():
    main_job, tests = readme_commands()
    assert main_job.endswith("&& python experiments/cifar10.py --dataset=digits")
    assert tests.endswith("&& pytest")


def test_ci_calls_exactly_the_test_command():
    assert readme_commands()[1] in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def python_blocks(heading):
    """The README's Python under a heading, as it is written."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_examples_of_the_library_run_as_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = MobileNetV2(placement="all", stride_padding="same")
    write_keras_file("weights.h5", model, zeros(model, 32), number=-0.5)
    names = {"images": jnp.ones((2, 32, 32, 3))}
    blocks = python_blocks("As a library")
    assert len(blocks) == 4
    for block in blocks:
        exec(block, names)
    assert names["logits"].shape == (2, 10)
    assert names["variables"]["params"].keys() == {"block1_conv1", "block2_conv1", "fc_dense1", "logits"}


def test_the_example_of_records_runs_as_written(tmp_path, monkeypatch):
    (tmp_path / "runs").symlink_to(ROOT / "experiments" / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    [block] = python_blocks("The verdict")
    names = {}
    exec(block, names)
    assert len(names["runs"])
