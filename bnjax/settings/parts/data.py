"""The settings of the data: a part of :class:`bnjax.settings.config.Config`."""

from dataclasses import dataclass

from bnjax.settings.fields import Role, setting


@dataclass(frozen=True)
class DataSettings:
    """Which images, how they are read, and in which order they come."""

    dataset: str = setting(
        "cifar10",
        "cifar10, mnist, digits (1,797 real images, part of scikit-learn: no download), folder:PATH (images "
        "in a folder for each class), or the name of any TFDS image classification set that is prepared in "
        "--data_dir.",
        group="data",
        role=Role.DATA,
    )
    classes: str = setting(
        "",
        "The classes of --dataset that count, by name or number, such as bird,cat,3; the others' images are "
        "left out. Default: all.",
        group="data",
        role=Role.DATA,
    )
    data_dir: str = setting(
        "",
        "Folder of prepared TFDS data. Default: $TFDS_DATA_DIR, else ~/tensorflow_datasets.",
        group="data",
        role=Role.DATA | Role.PLACE,
        identity=False,
    )
    image_size: int = setting(
        32,
        "Side in pixels to which images of folder:PATH are scaled and centre-cropped, and those of a TFDS "
        "set that are larger or of several sizes; digits are enlarged to it for every network but mlp. "
        "Another --model than the experiment's brings its own usual size.",
        group="data",
        role=Role.DATA | Role.PROGRAM,
        bounds="[4,1024]",
    )
    bad_images: str = setting(
        "stop",
        "What an unreadable image of folder:PATH does. stop: ends the run; skip: is left out and counted.",
        group="data",
        role=Role.DATA,
        choices=("stop", "skip"),
        identity=False,
    )
    stream: str = setting(
        "auto",
        "Whether images of folder:PATH or of a TFDS set are decoded anew for every batch. auto: where they "
        "need more than 4 GiB of memory, or are cropped at random.",
        group="data",
        role=Role.PROGRAM,
        choices=("auto", "always", "never"),
    )
    workers: int = setting(
        0,
        "Processes that decode streamed images; 0 for threads. Batches do not depend on it.",
        group="data",
        role=Role.HOST,
        bounds="[0,256]",
        identity=False,
    )
    augment: str = setting(
        "none",
        "What training images go through, anew every time. crop_flip: a square of 7/8 of the short side from "
        "anywhere, scaled to --image_size, mirrored half of the time.",
        group="data",
        role=Role.PROGRAM,
        choices=("none", "crop_flip"),
    )
    validation: float = setting(
        0.0,
        "Fraction of the training images held out for validation, where a folder brings no images for it.",
        group="data",
        role=Role.DATA | Role.TARGET,
        bounds="[0,1)",
    )
    train_images: int = setting(
        0,
        "Train on this many of the images only, spread evenly over the set; 0: on all.",
        group="data",
        role=Role.DATA | Role.TARGET,
        bounds="[0,1000000000]",
    )
    test_images: int = setting(
        0,
        "The same for the images of the test.",
        group="data",
        role=Role.DATA | Role.TARGET,
        bounds="[0,1000000000]",
    )
    input_scale: str = setting(
        "raw",
        "raw: pixels 0..255; unit: 0..1; symmetric: -1..1, which Keras's weights of InceptionV3 and "
        "MobileNetV2 want; standardize: mean 0 and deviation 1 per channel over the training images.",
        group="data",
        role=Role.LOOP,
        choices=("raw", "unit", "symmetric", "standardize"),
    )
    shuffle: str = setting(
        "none",
        "none: the same batches in the same order every epoch; epoch: shuffled anew every epoch.",
        group="data",
        role=Role.LOOP,
        choices=("none", "epoch"),
    )
    batches: str = setting(
        "mixed",
        "mixed: batches hold images of all classes as they come; sorted: each batch is from as few classes "
        "as possible, and batches come in a drawn order. Evaluation stays as it is: norms of a batch then "
        "meet statistics that they never trained with, and so do fresh statistics and probes.",
        group="data",
        role=Role.LOOP,
        choices=("mixed", "sorted"),
    )
