"""The speed comparison: its contestants train the same networks."""

import dataclasses
import os
from typing import NamedTuple

os.environ.setdefault("KERAS_BACKEND", "jax")

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from speed_peers import bnjax_itself, plain_flax
from speed_peers.layers import FLATTEN
from speed_peers.networks import ARCHITECTURES, CLASSES, SMALL_NETWORKS, Task

from bnjax.models import build_model
from bnjax.models.network import unit_name
from bnjax.train.partition import split

#: Of the small ones without norms, see test_models.py, plus a scale and a bias for each feature of each unit;
#: of the others all numbers without those of the logits, less the running statistics, plus the logits.
PARAMETERS = {
    "cnn": 4_259_274 + 2 * (32 + 64 + 1024),
    "vgg7": 922_186 + 2 * (64 + 64 + 128 + 128 + 1024 + 512),
    "mlp": 203_530 + 2 * 256,
    "mobilenetv2": 2_257_984 - 34_112 + 1281 * CLASSES,
    "inceptionv3": 21_802_784 - 34_432 + 2049 * CLASSES,
}
#: Of the largest logit: one epsilon in the place of another, or zeros on the other side, is seen.
TOLERANCE = 1e-4
#: Of small images, yet with more than one pixel before the last stride of MobileNetV2.
SIDES = {"mobilenetv2": 64, "inceptionv3": 75}
MINUTES = {"mobilenetv2": 1, "inceptionv3": 1}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.slow(minutes=MINUTES.get(name, 0.1))) for name in ARCHITECTURES
    ],
)
def task(request):
    small = request.param in SMALL_NETWORKS
    return Task(request.param, 16 if small else 2, threads=1, image_size=SIDES.get(request.param, 0))


@pytest.fixture(scope="module")
def train(task):
    """Whether norms go by the batch: over few pixels, in a deep network, they make much of rounding."""
    return task.network in SMALL_NETWORKS


@pytest.fixture(scope="module")
def images(task):
    return np.random.default_rng(1).random((task.batch_size, *task.image_shape), np.float32)


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


class Unit(NamedTuple):
    """A unit's numbers by their names in Flax; the logits have no norm."""

    kind: str
    linear: dict
    norm: dict
    statistics: dict


@pytest.fixture(scope="module")
def units(model, variables):
    """All of them in the order of the data, and then the logits."""
    found = []
    for site in model.sites:
        unit = dict(variables["params"][unit_name(site.name)])
        norm, statistics = unit.pop("norm"), variables["batch_stats"][unit_name(site.name)]["norm"]
        found.append(Unit(site.kind, unit, norm, statistics))
    return [*found, Unit("dense", variables["params"]["logits"], {}, {})]


@pytest.fixture(scope="module")
def logits(model, variables, images, train):
    return logits_of(model, variables, images, train)


def logits_of(model, variables, images, train):
    def run(variables, images):
        return model.apply(variables, images, train=train, mutable=["batch_stats"])[0]

    return np.asarray(jax.jit(run)(variables, images))


def assert_close(theirs, logits):
    assert np.abs(np.asarray(theirs) - logits).max() <= TOLERANCE * np.abs(logits).max()


@pytest.mark.slow
def test_the_same_is_frozen_in_keras():
    """Behind the cut 11,108,352 + 6,528 numbers, and the new layers."""
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    from speed_peers.keras_itself import keras_network

    task = Task("inceptionv3", 2, threads=1, image_size=75, frozen=True)
    with keras.StatelessScope(initialize_variables=False):
        network = keras_network(task)
    config = bnjax_itself.task_config(task)
    model = build_model(config, CLASSES)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 75, 75, 3)))
    trained, _ = split(shapes["params"], model)
    expected = 11_108_352 + 6_528 + 2_098_176 + 1025 * CLASSES
    assert count(network.trainable_weights) == count(jax.tree.leaves(trained)) == expected
    assert config.norm_mode == "inference"


def count(arrays):
    return sum(int(np.prod(array.shape)) for array in arrays)


def test_parameters_of_bnjax(task, units):
    arrays = [array for unit in units for array in (*unit.linear.values(), *unit.norm.values())]
    assert count(arrays) == PARAMETERS[task.network]


def test_flax_is_the_same_network(task, units, images, logits, train):
    network = plain_flax.PlainNetwork(task.architecture)
    shapes = jax.eval_shape(lambda: network.init(jax.random.key(0), images, train=False))
    params, statistics, numbers = {}, {}, {"Conv": 0, "Dense": 0}
    for position, unit in enumerate(units):
        kind = "Dense" if unit.kind == "dense" else "Conv"
        params[f"{kind}_{numbers[kind]}"] = unit.linear
        numbers[kind] += 1
        if unit.norm:
            params[f"BatchNorm_{position}"] = unit.norm
            statistics[f"BatchNorm_{position}"] = unit.statistics
    variables = {"params": params, "batch_stats": statistics}
    assert jax.tree.map(np.shape, variables) == jax.tree.map(np.shape, dict(shapes))
    assert count(jax.tree.leaves(shapes["params"])) == PARAMETERS[task.network]
    assert_close(logits_of(network, variables, images, train), logits)


def test_keras_is_the_same_network(task, units, images, logits, train):
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    from speed_peers.keras_itself import keras_network

    with keras.StatelessScope(initialize_variables=False):  # drawing initial weights takes seconds
        network = keras_network(task)
    assert count(network.trainable_weights) == PARAMETERS[task.network]
    arrays = dict(keras_arrays(network, units))
    trained, statistics = (
        [arrays.pop(weight.path) for weight in weights]
        for weights in (network.trainable_weights, network.non_trainable_weights)
    )
    assert not arrays
    run = jax.jit(lambda *given: network.stateless_call(*given, training=train)[0])
    assert_close(run(trained, statistics, images), logits)


def keras_arrays(network, units):
    """Paths of Keras's weights with our numbers. Layers of a kind are numbered as they were made."""
    kinds = {"conv": "conv2d", "depthwise": "depthwise_conv2d", "dense": "dense"}
    made = {}
    for layer in network.layers:
        kind, _, number = layer.name.rpartition("_")
        kind, number = (kind, int(number)) if number.isdecimal() else (layer.name, 0)
        made.setdefault(kind, {})[number] = layer
    in_turn = {kind: iter([layers[number] for number in sorted(layers)]) for kind, layers in made.items()}
    for unit in units:
        layer = next(in_turn[kinds[unit.kind]])
        kernel = unit.linear["kernel"]
        yield layer.kernel.path, kernel.swapaxes(2, 3) if unit.kind == "depthwise" else kernel
        if "bias" in unit.linear:
            yield layer.bias.path, unit.linear["bias"]
        if unit.norm:
            norm = next(in_turn["batch_normalization"])
            if "scale" in unit.norm:
                yield norm.gamma.path, unit.norm["scale"]
            yield norm.beta.path, unit.norm["bias"]
            yield norm.moving_mean.path, unit.statistics["mean"]
            yield norm.moving_variance.path, unit.statistics["var"]


@pytest.mark.parametrize("channels_last", [False, True])
def test_pytorch_is_the_same_network(task, channels_last, units, images, logits, train):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from speed_peers.pytorch import torch_network

    network = torch_network(dataclasses.replace(task, channels_last=channels_last)).train(train)
    assert count(network.parameters()) == PARAMETERS[task.network]
    arrays = dict(torch_arrays(network, units, FLATTEN in task.architecture.chain, mirrored(task)))
    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
    images = images[:, ::-1, ::-1] if mirrored(task) else images
    with torch.no_grad():
        theirs = network(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    assert_close(theirs, logits)


def mirrored(task):
    """PyTorch's zeros stand on the other side of even images, see speed_peers.pytorch."""
    return task.network == "mobilenetv2"


def torch_arrays(network, units, flattened, mirrored):
    """Names in PyTorch with our numbers."""
    import torch

    named = list(network.named_modules())
    linear = [name for name, module in named if isinstance(module, torch.nn.Conv2d | torch.nn.Linear)]
    norms = iter([name for name, module in named if "BatchNorm" in type(module).__name__])
    channels = 1
    for name, unit in zip(linear, units, strict=True):
        kernel = unit.linear["kernel"]
        yield f"{name}.weight", torch_kernel(kernel, channels if flattened else None, mirrored)
        channels = kernel.shape[-1]
        if "bias" in unit.linear:
            yield f"{name}.bias", unit.linear["bias"]
        if unit.norm:
            norm = next(norms)
            if "scale" in unit.norm:
                yield f"{norm}.weight", unit.norm["scale"]
            yield f"{norm}.bias", unit.norm["bias"]
            yield f"{norm}.running_mean", unit.statistics["mean"]
            yield f"{norm}.running_var", unit.statistics["var"]
            yield f"{norm}.num_batches_tracked", np.int64(0)


def torch_kernel(kernel, channels, mirrored):
    """HWIO -> OIHW; a dense one after flattening takes its inputs channels first."""
    if kernel.ndim == 4:
        kernel = kernel[::-1, ::-1] if mirrored else kernel
        return kernel.transpose(3, 2, 0, 1)
    if channels is None:
        return kernel.T
    side = int((kernel.shape[0] // channels) ** 0.5)
    pixels = kernel.reshape(side, side, channels, -1)
    return pixels.transpose(3, 2, 0, 1).reshape(kernel.shape[::-1])
