"""What every contestant trains: the networks as data, and the batches that all of them see."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

CLASSES = 10
LEARNING_RATE = 1e-3
NORM_MOMENTUM = 0.99
NORM_EPSILON = 1e-3

#: Several batches, so that no contestant trains on images that its caches still hold.
_BATCHES = 8
_SEED = 0


class Layer(NamedTuple):
    """A ``conv`` or ``dense`` unit, each with ReLU and norm, or ``pool``, ``flatten`` or ``mean``."""

    kind: str
    features: int = 0
    kernel_size: int = 0


POOL, FLATTEN, MEAN = Layer("pool"), Layer("flatten"), Layer("mean")


@dataclass(frozen=True)
class Architecture:
    """A network of bnjax.models with a norm in every unit, for those who build it in another library.

    Attributes:
      image_shape: height, width, channels.
      batch_size: of the experiment that the network comes from.
      order: whether norms stand ``before`` or ``after`` the activation.
      layers: up to the dense layer of logits, which all networks have.
      steps_factor: how many steps stand for one of ``--steps``, where a step is over too soon to be timed.
    """

    image_shape: tuple[int, int, int]
    batch_size: int
    order: str
    layers: tuple[Layer, ...]
    steps_factor: int = 1

    @property
    def has_convolutions(self) -> bool:
        """Whether the memory layout of images matters."""
        return any(layer.kind == "conv" for layer in self.layers)


ARCHITECTURES = {
    "cnn": Architecture(
        image_shape=(32, 32, 3),
        batch_size=128,
        order="after",
        layers=(Layer("conv", 32, 5), POOL, Layer("conv", 64, 5), POOL, FLATTEN, Layer("dense", 1024)),
    ),
    "vgg7": Architecture(
        image_shape=(32, 32, 3),
        batch_size=128,
        order="before",
        layers=(
            *(Layer("conv", 64, 3), Layer("conv", 64, 3), POOL),
            *(Layer("conv", 128, 3), Layer("conv", 128, 3), POOL),
            *(MEAN, Layer("dense", 1024), Layer("dense", 512)),
        ),
    ),
    "mlp": Architecture(
        image_shape=(28, 28, 1),
        batch_size=100,
        order="before",
        layers=(FLATTEN, Layer("dense", 256)),
        steps_factor=50,
    ),
}


@dataclass(frozen=True)
class Task:
    """What a worker trains, and how.

    Attributes:
      network: a name in ``ARCHITECTURES``.
      batch_size: images in a step.
      threads: CPU cores it may use.
      compiled: of PyTorch: whether ``torch.compile`` makes the program.
      channels_last: of PyTorch: how images and kernels lie in memory.
    """

    network: str
    batch_size: int
    threads: int
    compiled: bool = False
    channels_last: bool = False

    @property
    def architecture(self) -> Architecture:
        """The network as data."""
        return ARCHITECTURES[self.network]


def synthetic_batches(task: Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images uint8 [batch, height, width, channels] and labels int32 [batch], the same for everyone."""
    random = np.random.default_rng(_SEED)
    shape = (task.batch_size, *task.architecture.image_shape)
    for _ in range(_BATCHES):
        images = random.integers(0, 256, shape, dtype=np.uint8)
        yield images, random.integers(0, CLASSES, task.batch_size, dtype=np.int32)
