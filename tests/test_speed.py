"""The speed comparison: its contestants train the same network, and its door does what it says."""

# ruff: noqa: E402  # the experiments are no package: their folder has to be on the path first

import json
import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

import speed
from speed_peers import bnjax_itself, plain_flax
from speed_peers.contestants import CONTESTANTS, Contestant
from speed_peers.networks import ARCHITECTURES, CLASSES, Task
from speed_peers.processes import Worker, WorkerError

from bnjax.models import build_model
from bnjax.models.network import unit_name

pytestmark = pytest.mark.slow

#: Without norms, see test_models.py, plus a scale and a bias for each feature of each unit.
PARAMETERS = {
    "cnn": 4_259_274 + 2 * (32 + 64 + 1024),
    "vgg7": 922_186 + 2 * (64 + 64 + 128 + 128 + 1024 + 512),
    "mlp": 203_530 + 2 * 256,
}
TOLERANCE = 1e-3  # a norm on the wrong side of its ReLU moves some of these logits by more than 1


@pytest.fixture(scope="module", params=ARCHITECTURES)
def task(request):
    return Task(request.param, batch_size=16, threads=1)


@pytest.fixture(scope="module")
def images(task):
    return np.random.default_rng(1).random((task.batch_size, *task.architecture.image_shape), np.float32)


@pytest.fixture(scope="module")
def model(task):
    return build_model(bnjax_itself.task_config(task), CLASSES)


@pytest.fixture(scope="module")
def variables(model, images):
    """Random numbers everywhere, so that no two layers are alike and no norm does nothing."""
    shapes = jax.eval_shape(model.init, jax.random.key(0), images)
    random = np.random.default_rng(2)

    def draw(path, leaf):
        if path[-1].key == "kernel":
            deviation = np.float32(np.prod(leaf.shape[:-1]) ** -0.5)
            return random.standard_normal(leaf.shape, np.float32) * deviation
        return random.uniform(0.5, 1.5, leaf.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes)


@pytest.fixture(scope="module")
def layers(model, variables):
    """Kernel, bias, scale and bias of each unit, then kernel and bias of the logits."""
    params = variables["params"]
    units = [params[unit_name(site.name)] for site in model.sites]
    hidden = [(unit["kernel"], unit["bias"], unit["norm"]["scale"], unit["norm"]["bias"]) for unit in units]
    return [*hidden, (params["logits"]["kernel"], params["logits"]["bias"])]


@pytest.fixture(scope="module")
def logits(model, variables, images):
    return train_logits(model, variables, images)


def train_logits(model, variables, images):
    run = jax.jit(lambda given, images: model.apply(given, images, train=True, mutable=["batch_stats"])[0])
    return np.asarray(run(variables, images))


def count(arrays):
    return sum(int(np.prod(array.shape)) for array in arrays)


def test_parameters_of_bnjax(task, layers):
    assert count(array for layer in layers for array in layer) == PARAMETERS[task.network]


def test_flax_is_the_same_network(task, layers, images, logits):
    network = plain_flax.PlainNetwork(task.architecture)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), images, train=False))
    params, numbers = {}, {"Conv": 0, "Dense": 0, "BatchNorm": 0}

    def put(kind, **values):
        params[f"{kind}_{numbers[kind]}"] = values
        numbers[kind] += 1

    for kernel, bias, *norm in layers:
        put("Conv" if kernel.ndim == 4 else "Dense", kernel=kernel, bias=bias)
        if norm:
            put("BatchNorm", scale=norm[0], bias=norm[1])
    assert jax.tree.map(np.shape, params) == jax.tree.map(np.shape, dict(shapes["params"]))
    assert count(jax.tree.leaves(shapes["params"])) == PARAMETERS[task.network]
    theirs = train_logits(network, {"params": params, "batch_stats": shapes_to_zeros(shapes)}, images)
    np.testing.assert_allclose(theirs, logits, atol=TOLERANCE)


def shapes_to_zeros(shapes):
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes["batch_stats"])


def test_keras_is_the_same_network(task, layers, images, logits):
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    from speed_peers.keras_jax import keras_network

    with keras.StatelessScope(initialize_variables=False):  # drawing initial weights takes seconds
        network = keras_network(task.architecture)
    assert count(network.trainable_weights) == PARAMETERS[task.network]
    arrays = [array for layer in layers for array in layer]
    assert [weight.shape for weight in network.trainable_weights] == [array.shape for array in arrays]
    statistics = [np.ones(weight.shape, np.float32) for weight in network.non_trainable_weights]
    run = jax.jit(lambda *given: network.stateless_call(*given, training=True)[0])
    np.testing.assert_allclose(run(arrays, statistics, images), logits, atol=TOLERANCE)


@pytest.mark.parametrize("layout", ["contiguous_format", "channels_last"])
def test_pytorch_is_the_same_network(task, layout, layers, images, logits):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from speed_peers.pytorch import torch_network

    network = torch_network(task.architecture, getattr(torch, layout))
    parameters = list(network.parameters())
    assert count(parameters) == PARAMETERS[task.network]
    arrays = [array for layer in to_torch(layers) for array in layer]
    with torch.no_grad():
        for parameter, array in zip(parameters, arrays, strict=True):
            parameter.copy_(torch.from_numpy(np.array(array)))
        theirs = network(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(theirs, logits, atol=TOLERANCE)


def to_torch(layers):
    """Kernels HWIO -> OIHW; the one after flattening takes its inputs channels first."""
    channels = 1
    for kernel, *others in layers:
        if kernel.ndim == 4:
            yield kernel.transpose(3, 2, 0, 1), *others
        else:
            side = int((kernel.shape[0] // channels) ** 0.5)
            pixels = kernel.reshape(side, side, channels, -1)
            yield pixels.transpose(3, 2, 0, 1).reshape(kernel.shape[::-1]), *others
        channels = kernel.shape[-1]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--rounds=0", "--rounds"),
        ("--threads=100000", "--threads"),
        ("--networks=cnn,resnet", "'resnet' is not one of cnn, vgg7, mlp"),
        ("--contestants=", "'' is not one of bnjax, flax"),
        ("--nonsense=1", "nonsense"),
        ("stray", "'stray' is not a flag"),
        ("--out=no/such/folder/file", "No such file"),
    ],
)
def test_wrong_usage(capsys, argument, words):
    with pytest.raises(SystemExit) as caught:
        speed.main(["somewhere/speed.py", argument])
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
    absent = Contestant("plain_flax", "no_such_library")
    assert absent.obstacle(ARCHITECTURES["cnn"]) == "no_such_library is not installed"
    assert CONTESTANTS["flax"].obstacle(ARCHITECTURES["cnn"]) is None


def test_a_contestant_that_fails_says_why(tmp_path):
    with pytest.raises(WorkerError, match=r"ModuleNotFoundError: No module named 'speed_peers\.nobody'"):
        Worker(Contestant("nobody", "jax"), Task("mlp", 8, 1), tmp_path)


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
    assert theirs["parameters"] == ours["parameters"] == PARAMETERS["mlp"]
    assert "to bnjax" in run.stderr
