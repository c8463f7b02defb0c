"""One run's settings: a flat frozen dataclass, its checks, and the identity of a run.

The defaults are those of the recipe ``published`` of the CIFAR-10 experiment; the other recipes are
written as differences from them in :mod:`bnjax.recipes`. Flags are made from the fields here, so a
setting, its help, its choices and its bounds stand in one place.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from bnjax.finetuning import FINE_TUNING_NAMES, FineTuning, canonical_classes, fine_tuning_changes
from bnjax.placement import Placement, PlacementError, parse_placement
from bnjax.settings import ConfigError, check_field, setting
from bnjax.sites import MODEL_IMAGES, MODELS, Images, Site, mobilenetv2_smallest_side, model_sites

ACTIVATIONS = ("relu", "leaky_relu", "relu6", "elu", "prelu")
SCHEDULES = ("constant", "cosine", "step")
STRIDE_PADDINGS = ("end", "same")
INITIALIZERS = ("glorot_uniform", "he_normal", "lecun_normal", "gaussian")
#: What ``momentum`` as an optimizer means where --momentum says nothing; the usual value.
USUAL_MOMENTUM = 0.9
#: What a data set's name starts with where it is a folder of images.
FOLDER = "folder:"


@dataclass(frozen=True)
class Config(FineTuning):
    """Everything that decides the result of one run, and where its files lie."""

    model: str = setting("cnn", "The network.", group="network", choices=MODELS)
    placement: str = setting(
        "none",
        "Where the norms stand: none, all, a list of kinds, blocks, sites or globs with an optional order "
        "(conv,dense or conv:before,fc:after), or a code such as crB-cr-drB.",
        group="network",
    )
    order: str = setting(
        "after",
        "Whether a norm stands before or after its activation, where --placement does not say.",
        group="network",
        choices=("before", "after"),
    )
    dropout: float = setting(
        0.0, "Probability of dropping a dense unit's output.", group="network", bounds="[0,1)"
    )
    activation: str = setting("relu", "The hidden units' activation.", group="network", choices=ACTIVATIONS)
    negative_slope: float = setting(
        0.01,
        "Slope of leaky_relu below zero; prelu learns its own, from 0.25.",
        group="network",
        bounds="[0,1]",
    )
    hidden_layers: int = setting(1, "Hidden layers of the MLP.", group="network", bounds="[1,1000]")
    width: int = setting(256, "Units in each hidden layer of the MLP.", group="network", bounds="[1,65536]")
    width_multiplier: float = setting(
        1.0, "Of MobileNetV2's features, as in its paper.", group="network", bounds="(0,10]"
    )
    stride_padding: str = setting(
        "end",
        "Zeros around the input of MobileNetV2's blocks with stride 2. end: one row below and one column at "
        "the right, as published; same: as in Keras's own network, which differs for odd sides.",
        group="network",
        choices=STRIDE_PADDINGS,
    )
    halvings: int = setting(
        5,
        "How many of MobileNetV2's five strides of 2 stay; the first ones become 1. 3 suits images of 32 "
        "pixels.",
        group="network",
        bounds="[0,5]",
    )
    conv_bias: bool = setting(False, "Biases in MobileNetV2's convolutions.", group="network")
    kernel_init: str = setting(
        "glorot_uniform", "Initialiser of the kernels.", group="network", choices=INITIALIZERS
    )
    init_deviation: float = setting(
        0.01, "Standard deviation of gaussian kernels.", group="network", bounds="(0,inf)"
    )
    norm_momentum: float = setting(
        0.99, "What the running statistics keep of themselves in a step.", group="network", bounds="[0,1]"
    )
    norm_epsilon: float = setting(
        1e-3, "Added to the variance before its root.", group="network", bounds="(0,inf)"
    )
    bn_batch: str = setting(
        "global",
        "Whose statistics a norm takes in training. global: the whole batch's, on any number of devices; "
        "device: those of each device's part of it; a number: of so many neighbouring images (ghost BN).",
        group="network",
    )
    dataset: str = setting(
        "cifar10",
        "cifar10, mnist, digits (1,797 real images, part of scikit-learn: no download), folder:PATH (images "
        "in a folder for each class), or the name of any TFDS image classification set that is prepared in "
        "--data_dir.",
        group="data",
    )
    classes: str = setting(
        "",
        "The classes of --dataset that count, by name or number, such as bird,cat,3; the others' images are "
        "left out. Default: all.",
        group="data",
    )
    data_dir: str = setting(
        "",
        "Folder of prepared TFDS data. Default: $TFDS_DATA_DIR, else ~/tensorflow_datasets.",
        group="data",
        identity=False,
    )
    image_size: int = setting(
        32,
        "Side in pixels to which images of folder:PATH are scaled and centre-cropped, and those of a TFDS "
        "set that are larger or of several sizes; digits are enlarged to it for every network but mlp.",
        group="data",
        bounds="[4,1024]",
    )
    bad_images: str = setting(
        "stop",
        "What an unreadable image of folder:PATH does. stop: ends the run; skip: is left out and counted.",
        group="data",
        choices=("stop", "skip"),
        identity=False,
    )
    stream: str = setting(
        "auto",
        "Whether images of folder:PATH or of a TFDS set are decoded anew for every batch. auto: where they "
        "need more than 4 GiB of memory, or are cropped at random.",
        group="data",
        choices=("auto", "always", "never"),
    )
    workers: int = setting(
        0,
        "Processes that decode streamed images; 0 for threads. Batches do not depend on it.",
        group="data",
        bounds="[0,256]",
        identity=False,
    )
    augment: str = setting(
        "none",
        "What training images go through, anew every time. crop_flip: a square of 7/8 of the short side from "
        "anywhere, scaled to --image_size, mirrored half of the time.",
        group="data",
        choices=("none", "crop_flip"),
    )
    validation: float = setting(
        0.0,
        "Fraction of the training images held out for validation, where a folder brings no images for it.",
        group="data",
        bounds="[0,1)",
    )
    train_images: int = setting(
        0,
        "Train on so many of the images only, spread evenly over the set; 0: on all.",
        group="data",
        bounds="[0,1000000000]",
    )
    test_images: int = setting(
        0, "The same for the images of the test.", group="data", bounds="[0,1000000000]"
    )
    input_scale: str = setting(
        "raw",
        "raw: pixels 0..255; unit: 0..1; symmetric: -1..1, which Keras's weights of InceptionV3 and "
        "MobileNetV2 want; standardize: mean 0 and deviation 1 per channel over the training images.",
        group="data",
        choices=("raw", "unit", "symmetric", "standardize"),
    )
    shuffle: str = setting(
        "none",
        "none: the same batches in the same order every epoch; epoch: shuffled anew every epoch.",
        group="data",
        choices=("none", "epoch"),
    )
    recipe: str = setting(
        "published",
        "published: as the experiment's author ran it; controlled: the same, but shuffled every epoch and "
        "with standardised inputs. A flag given beside it overrides it.",
        group="training",
        choices=("published", "controlled"),
    )
    epochs: int = setting(10, "Passes over the training images.", group="training", bounds="[1,1000000]")
    batch_size: int = setting(
        128, "Images in one training step, over all devices.", group="training", bounds="[1,1000000]"
    )
    optimizer: str = setting(
        "adam",
        "The optimizer. momentum is sgd with --momentum, which is then 0.9 unless it is given.",
        group="training",
        choices=("adam", "sgd", "momentum"),
    )
    learning_rate: float = setting(1e-3, "Step size.", group="training", bounds="(0,inf)")
    schedule: str = setting(
        "constant",
        "How --learning_rate falls, step by step. cosine: along half a cosine to 0 behind the last step; "
        "step: times --decay_factor after every --decay_epochs epochs.",
        group="training",
        choices=SCHEDULES,
    )
    decay_epochs: int = setting(
        30, "Epochs between two falls of --schedule=step.", group="training", bounds="[1,1000000]"
    )
    decay_factor: float = setting(
        0.1, "What a fall of --schedule=step leaves of the rate.", group="training", bounds="(0,1]"
    )
    label_smoothing: float = setting(
        0.0,
        "Part of the target that goes to all classes alike, in training; test losses are without it.",
        group="training",
        bounds="[0,1)",
    )
    momentum: float = setting(0.0, "Momentum of sgd.", group="training", bounds="[0,1)")
    weight_decay: float = setting(
        0.0,
        "Decay of the kernels: added to the gradient for sgd, decoupled (AdamW) for adam.",
        group="training",
        bounds="[0,inf)",
    )
    adam_form: str = setting(
        "keras",
        "Where epsilon stands in adam. keras: added before the bias correction, as in TensorFlow and Keras; "
        "paper: after it, as in the paper's algorithm 1, optax and PyTorch.",
        group="training",
        choices=("keras", "paper"),
    )
    adam_epsilon: float = setting(1e-8, "Epsilon of adam.", group="training", bounds="(0,inf)")
    precision: str = setting(
        "float32",
        "Of activations and products. bfloat16 halves their bytes, which accelerators gain by; parameters, "
        "statistics of norms and logits stay float32.",
        group="training",
        choices=("float32", "bfloat16"),
    )
    kernels: str = setting(
        "auto",
        "How convolutions are computed on a CPU. llvm: by bnjax's own code for float32, made for each shape; "
        "xla: by XLA's; auto: by bnjax's where it can be, on one device and with llvmlite installed.",
        group="training",
        choices=("auto", "xla", "llvm"),
        identity=False,
    )
    eval_batch_size: int = setting(
        500,
        "Images in one step of the evaluation; every image counts once at any size.",
        group="training",
        bounds="[1,1000000]",
        identity=False,
    )
    seed: int = setting(
        0, "Decides initial weights, data order and dropout.", group="training", bounds="[0,4294967295]"
    )
    out_dir: str = setting(
        "runs",
        "Each run writes metrics.jsonl to a folder of its own below this one.",
        group="files",
        identity=False,
    )
    overwrite: bool = setting(False, "Run again what has already finished.", group="files", identity=False)
    resume: bool = setting(
        True,
        "Go on after the last checkpoint of an attempt that was cut; --noresume starts it anew.",
        group="files",
        identity=False,
    )
    checkpoint_every: str = setting(
        "0",
        "Epochs between two checkpoints, or minutes (10min), which end within epochs too. 0: after each "
        "epoch, as far as writing them takes at most a twentieth of the time.",
        group="files",
        identity=False,
    )

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites of this config's model."""
        return model_sites(self.model, self.hidden_layers)

    def images(self) -> Images:
        """What the network asks of images.

        Its shape is what ``digits`` are enlarged to: that of the published experiment for the MLP, for the
        others ``image_size``.
        """
        images = MODEL_IMAGES[self.model]
        if self.model == "mlp":
            return images
        smallest_side = images.smallest_side
        if self.model == "mobilenetv2":
            smallest_side = mobilenetv2_smallest_side(self.halvings, self.stride_padding)
        return Images((self.image_size, self.image_size, images.shape[-1]), smallest_side)

    def parsed_placement(self) -> Placement:
        """The placement as a value.

        Raises:
          ConfigError: the text is not a placement of this model.
        """
        try:
            return parse_placement(self.placement, self.sites, self.order)
        except PlacementError as error:
            raise ConfigError(str(error)) from None


#: Those of fine-tuning last.
FIELDS: tuple[dataclasses.Field, ...] = tuple(
    sorted(dataclasses.fields(Config), key=lambda field: field.name in FINE_TUNING_NAMES)
)
#: Norm modes and kinds of training that count the examples behind a statistic.
_OF_WHOLE_BATCHES = {"keras2-train", "pooled-statistics"}


def resolve(config: Config) -> Config:
    """The same settings checked and in canonical form, so that equal conditions are equal configs.

    The placement becomes its code and ``order``, now part of it, returns to its default; the optimizer
    ``momentum`` becomes sgd with momentum; a folder of images loses the slash at its end.

    Raises:
      ConfigError: a setting is out of its bounds or choices, or does not fit another one.
    """
    numbers: dict[str, Any] = {
        f.name: float(getattr(config, f.name)) for f in FIELDS if isinstance(f.default, float)
    }
    config = dataclasses.replace(config, **numbers)
    for field in FIELDS:
        check_field(field, getattr(config, field.name))
    if config.optimizer == "momentum":
        config = dataclasses.replace(config, optimizer="sgd", momentum=config.momentum or USUAL_MOMENTUM)
    changes = fine_tuning_changes(config)
    changes["dataset"] = _canonical_dataset("dataset", config.dataset)
    if config.pretrain:
        changes["pretrain"] = _canonical_dataset("pretrain", config.pretrain)
    changes["classes"] = canonical_classes("classes", config.classes)
    changes["bn_batch"] = _canonical_bn_batch(config)
    checkpoint_pace(config.checkpoint_every)
    placement = str(config.parsed_placement())
    return dataclasses.replace(config, **changes, placement=placement, order=Config.order)


def _canonical_bn_batch(config: Config) -> str:
    """Groups that share a batch evenly; one group is the whole batch."""
    text, size = config.bn_batch, config.batch_size
    whole = {config.norm_mode, config.trained_norm_mode, config.trained} & _OF_WHOLE_BATCHES
    if whole and text != "global":
        raise ConfigError(f"--bn_batch={text}: {min(whole)} is defined by the statistics of whole batches")
    if text in ("global", "device"):
        return text
    if not re.fullmatch(r"[0-9]{1,7}", text):
        raise ConfigError(f"--bn_batch={text} is neither global, device nor a number of images")
    group = int(text)
    if not group or size % group:
        raise ConfigError(f"--bn_batch={text} does not cut --batch_size={size} into even groups")
    return "global" if group == size else str(group)


def checkpoint_pace(text: str) -> tuple[int, float]:
    """Epochs and seconds between two checkpoints: one of them is 0, and both where writing decides.

    Args:
      text: of ``checkpoint_every``.

    Raises:
      ConfigError: it is neither a number of epochs nor of minutes.
    """
    found = re.fullmatch(r"([0-9]{1,7})|([0-9]{1,6}(?:\.[0-9]{1,6})?)min", text)
    epochs, minutes = found.groups() if found else (None, None)
    if epochs is None and not float(minutes or 0):
        raise ConfigError(
            f"--checkpoint_every={text} is neither a number of epochs nor one of minutes such as 10min"
        )
    return int(epochs or 0), 60 * float(minutes or 0)


def _canonical_dataset(flag: str, dataset: str) -> str:
    """A folder loses the slash at its end; another colon than that of a version is refused."""
    if dataset.startswith(FOLDER):
        path = dataset.removeprefix(FOLDER)
        if not path.strip():
            raise ConfigError(f"--{flag}={dataset} names no folder; write --{flag}={FOLDER}PATH")
        return f"{FOLDER}{PurePath(path)}"
    _, colon, version = dataset.partition(":")
    if colon and not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ConfigError(
            f"--{flag}={dataset} is neither {FOLDER}PATH nor a name with a version such as cifar10:3.0.2"
        )
    return dataset


def identity(config: Config) -> dict[str, Any]:
    """The fields that differ from their defaults and can change a result."""
    return {
        field.name: getattr(config, field.name)
        for field in FIELDS
        if field.metadata["identity"] and getattr(config, field.name) != field.default
    }


def run_id(config: Config) -> str:
    """The name of a run: 12 hexadecimal digits of a hash over :func:`identity`.

    Only non-default fields count, so a field added later keeps the ids of runs that lie on disk.
    """
    text = json.dumps(identity(resolve(config)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def condition_names(configs: Sequence[Config]) -> dict[Config, str]:
    """What tells each of several configs from the others, short: ``cBr-cr-dr, dropout 0.4, seed 2``."""
    named = [f for f in FIELDS if f.metadata["identity"]]
    varied = [f.name for f in named if len({getattr(config, f.name) for config in configs}) > 1]
    return {
        config: ", ".join(_spoken(name, getattr(config, name)) for name in varied) or config.placement
        for config in configs
    }


def _spoken(name: str, value: Any) -> str:
    return str(value) if name == "placement" else f"{name} {value}"
