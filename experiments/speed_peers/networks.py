"""What every contestant trains: the networks as data."""

from dataclasses import dataclass, replace
from typing import Any

from bnjax.settings.config import Config
from speed_peers.layers import (
    FLATTEN,
    MEAN,
    POOL,
    Chain,
    Layer,
    inceptionv3_chain,
    mobilenetv2_chain,
    with_norms,
)

CLASSES = 10
LEARNING_RATE = 1e-3
NORM_MOMENTUM = 0.99
NORM_EPSILON = 1e-3
#: Of activations and products; parameters, optimizer and loss are float32 in both.
PRECISIONS = ("float32", "bfloat16")
EPOCH_DATA = ("random", "digits")


@dataclass(frozen=True)
class Architecture:
    """A network of bnjax.models with a norm in every unit, for those who build it in another library.

    Attributes:
      image_shape: height, width, channels.
      batch_size: of the experiment that the network comes from.
      order: whether norms stand ``before`` or ``after`` the activation.
      chain: its layers up to the dense one of logits, which all networks have.
      steps_factor: how many steps stand for one of ``--steps``, where a step is over too soon to be timed.
      activation: ``relu`` or ``relu6``.
      conv_bias: whether convolutions have biases.
      norm_scale: whether norms learn a scale.
      side_multiple: images of other sizes are taken too if their side is a multiple of this; 0: they are not.
    """

    image_shape: tuple[int, int, int]
    batch_size: int
    order: str
    chain: Chain
    steps_factor: int = 1
    activation: str = "relu"
    conv_bias: bool = True
    norm_scale: bool = True
    side_multiple: int = 0

    @property
    def has_convolutions(self) -> bool:
        """Whether the memory layout of images matters."""
        return any(isinstance(layer, Layer) and layer.kind == "conv" for layer in self.chain)


ARCHITECTURES = {
    "cnn": Architecture(
        image_shape=(32, 32, 3),
        batch_size=128,
        order="after",
        chain=(
            *(Layer("conv", 32, (5, 5)), POOL, Layer("conv", 64, (5, 5)), POOL),
            *(FLATTEN, Layer("dense", 1024)),
        ),
    ),
    "vgg7": Architecture(
        image_shape=(32, 32, 3),
        batch_size=128,
        order="before",
        chain=(
            *(Layer("conv", 64, (3, 3)), Layer("conv", 64, (3, 3)), POOL),
            *(Layer("conv", 128, (3, 3)), Layer("conv", 128, (3, 3)), POOL),
            *(MEAN, Layer("dense", 1024), Layer("dense", 512)),
        ),
    ),
    "mlp": Architecture(
        image_shape=(28, 28, 1),
        batch_size=100,
        order="before",
        chain=(FLATTEN, Layer("dense", 256)),
        steps_factor=50,
    ),
    "mobilenetv2": Architecture(
        image_shape=(96, 96, 3),
        batch_size=32,
        order="before",
        chain=mobilenetv2_chain(),
        activation="relu6",
        conv_bias=False,
        side_multiple=32,
    ),
    "inceptionv3": Architecture(
        image_shape=(139, 139, 3),
        batch_size=32,
        order="before",
        chain=inceptionv3_chain(),
        conv_bias=False,
        norm_scale=False,
        side_multiple=1,
    ),
}
#: Networks of small images.
SMALL_NETWORKS = tuple(name for name, architecture in ARCHITECTURES.items() if not architecture.side_multiple)
#: Fine-tuning as published: so many of Keras's layers of this network are frozen, and a head so wide is new.
FROZEN_NETWORK, FROZEN_LAYERS, HEAD_WIDTH = "inceptionv3", 249, 1024
#: InceptionV3 takes everyone minutes to compile, so it comes only when asked for.
DEFAULT_NETWORKS = (*SMALL_NETWORKS, "mobilenetv2")


def size_obstacle(network: str, image_size: int) -> str | None:
    """Why a network takes no images of this side, None where it does.

    Args:
      image_size: in pixels; 0: the network's own. It counts for networks of photographs alone.
    """
    multiple = ARCHITECTURES[network].side_multiple
    if not image_size or not multiple:
        return None
    smallest = Config(model=network).images().smallest_side
    if image_size < smallest:
        return f"{network} takes images from {smallest} pixels a side"
    return f"{network} takes multiples of {multiple} pixels here" if image_size % multiple else None


@dataclass(frozen=True)
class Task:
    """What a worker trains, and how.

    Attributes:
      network: a name in ``ARCHITECTURES``.
      batch_size: images in a step.
      threads: CPU cores it may use.
      image_size: side of the images in pixels; 0: the network's own.
      precision: one of ``PRECISIONS``.
      epoch_data: what whole epochs are trained on, one of ``EPOCH_DATA``.
      epoch_steps: how many batches of ``random`` images are one.
      norms: for each unit in the order of the data, ``1`` where it has a norm; empty: all have.
      frozen: whether it is fine-tuned: :data:`FROZEN_LAYERS` do not train, norms among them use their running
        statistics, and a dense ReLU layer of :data:`HEAD_WIDTH` stands before the logits.
      precomputed: of bnjax: whether the outputs of the frozen layers are computed before the first step.
      compiled: of PyTorch: whether ``torch.compile`` makes the program.
      channels_last: of PyTorch: how images and kernels lie in memory.
    """

    network: str
    batch_size: int
    threads: int
    image_size: int = 0
    precision: str = "float32"
    epoch_data: str = "random"
    epoch_steps: int = 1
    norms: str = ""
    frozen: bool = False
    precomputed: bool = False
    compiled: bool = False
    channels_last: bool = False

    @property
    def architecture(self) -> Architecture:
        """The network as data."""
        architecture = ARCHITECTURES[self.network]
        if not self.norms:
            return architecture
        chain = with_norms(architecture.chain, (norm == "1" for norm in self.norms))
        return replace(architecture, chain=chain)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width, channels = self.architecture.image_shape
        if self.image_size:
            height = width = self.image_size
        return height, width, channels


def task_settings(task: Task) -> dict[str, Any]:
    """The settings of bnjax, by their names in flags, that make it train a task."""
    architecture = task.architecture
    sites = [site.name for site in Config(model=task.network).sites]
    chosen = (
        [name for name, norm in zip(sites, task.norms, strict=True) if norm == "1"] if task.norms else sites
    )
    return dict(
        model=task.network,
        placement=",".join(chosen) if chosen else "none",
        order=architecture.order,
        batch_size=task.batch_size,
        learning_rate=LEARNING_RATE,
        norm_momentum=NORM_MOMENTUM,
        norm_epsilon=NORM_EPSILON,
        activation=architecture.activation,
        image_size=task.image_shape[0],
        input_scale="raw",
        shuffle="epoch",
        precision=task.precision,
    )
