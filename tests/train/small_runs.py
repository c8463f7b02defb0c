"""Small data and runs that several tests train."""

import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from starting import PATIENCE

from bnjax.data import Dataset, ImageSet
from bnjax.process.progress import Progress
from bnjax.runs.group import Alone
from bnjax.runs.loop import train
from bnjax.runs.training import has_diverged, prepare
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config


def image_set(count, seed=0, shape=(6, 6, 1)):
    random = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % 10
    images = random.integers(0, 200, (count, *shape)) + 5 * labels[:, None, None, None]
    return ImageSet(images.astype(np.uint8), labels)


def dataset(train_count=48, test_count=29):
    return Dataset(
        image_set(train_count),
        image_set(test_count, 1),
        10,
        {"name": "made", "version": "1", "encoding": "none"},
    )


def config(**settings):
    return resolve(Config(**{**dict(model="mlp", width=12, batch_size=16, epochs=2), **settings}))


def trained(**settings):
    """Runs a small config to its end: the run, its status, its epochs' fields."""
    run = prepare(config(**settings), dataset())
    told = []
    train(Alone(run), lambda lane, kind, **fields: told.append((kind, fields)), Progress(1, 1))
    assert [kind for kind, _ in told] == ["epoch"] * len(told)
    return run, "diverged" if has_diverged(run) else "done", [fields for _, fields in told]


#: With norms, and on digits. One step, and no Adam: it makes much of gradients near 0, and so of rounding.
EIGHT_DEVICES = """
import sys
from bnjax.commands.parsing.flags import command_from_flags
from bnjax.commands.launch import launch
import jax
assert len(jax.devices()) == int(sys.argv[1]), jax.devices()
command = command_from_flags(["x"] + sys.argv[2:], "cifar10")
sys.exit(launch(command.configs, command.options, "x"))
"""

_ONE_STEP = (
    "--placement=all",
    "--train_images=704",
    "--batch_size=704",
    "--input_scale=standardize",
    "--optimizer=sgd",
    "--learning_rate=0.001",
)


def one_step_of(model):
    """The same of a network, small where it can be."""
    return (f"--model={model}", *(("--width=16",) if model == "mlp" else ()), *_ONE_STEP)


def run_on(devices, tmp_path, *flags):
    """Records and exit code of a run in a process with this many simulated devices."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={devices}",
    }
    common = ["--dataset=digits", "--epochs=1", f"--out_dir={tmp_path / str(devices)}"]
    done = subprocess.run(
        [sys.executable, "-c", EIGHT_DEVICES, str(devices), *common, *flags],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done


@functools.cache
def ran_on(devices, *flags):
    """The same, once for all tests that compare with it."""
    with tempfile.TemporaryDirectory() as folder:
        return run_on(devices, Path(folder), *flags)
