"""The records of a run as types: their fields, what these mean, and what values they may have.

This is the one definition: what is written and read is checked against it (:mod:`bnjax.record_rules`),
readers have its types, and the README's table is made of its meanings. A field that is ``NotRequired`` came
later, so that records of an earlier bnjax of the same schema lack it.
"""

import enum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from bnjax.field_types import Amount, Count, Fraction, FractionOrNull, Loss, LossOrNull, Ordinal
from bnjax.probes.dying import DYING, Units


class Needs(NamedTuple):
    """Names that an object with free names has to have."""

    names: tuple[str, ...]


class Holds(enum.Enum):
    """Which fields an object holds, where it is not all of them and no others.

    A name that is none of its fields comes from a later version, and is ignored.
    """

    ALL_OR_NOTHING = enum.auto()
    SOME = enum.auto()
    OTHERS_TOO = enum.auto()


class BatchAccuracy(TypedDict):
    """Of single batches as trained."""

    lowest: Fraction
    median: Fraction
    perfect: Fraction


class DataRecord(TypedDict):
    """Which images a run had."""

    name: str
    version: str
    encoding: str
    source: NotRequired[str]
    image_shape: NotRequired[list[int]]
    classes: NotRequired[Ordinal]
    train_images: NotRequired[Count]
    validation_images: NotRequired[Count]
    test_images: NotRequired[Count]


class Program(TypedDict):
    """What program a run was trained by."""

    gated: bool
    lanes: Ordinal
    kernels: NotRequired[str]


class Device(TypedDict):
    """What a run was computed on."""

    kind: str
    count: Ordinal
    platform: NotRequired[str]


_FRESH = "{} through fresh statistics, see --fresh_images; null where the network depends on none"
_EVALUATED = "over all training images after the epoch, in evaluation mode; null without --evaluate_train"


class Metrics(TypedDict):
    """What is measured after an epoch."""

    train_loss: Annotated[LossOrNull, "mean cross-entropy (nats) over the epoch's batches, as trained"]
    train_accuracy: Annotated[FractionOrNull, "fraction right over the epoch's batches, as trained"]
    validation_loss: Annotated[LossOrNull, "over all validation images; null where there are none"]
    validation_accuracy: Annotated[FractionOrNull, "over all validation images; null where there are none"]
    validation_loss_fresh: NotRequired[Annotated[LossOrNull, _FRESH.format("validation_loss")]]
    validation_accuracy_fresh: NotRequired[Annotated[FractionOrNull, _FRESH.format("validation_accuracy")]]
    test_loss_fresh: NotRequired[Annotated[LossOrNull, _FRESH.format("test_loss")]]
    test_accuracy_fresh: NotRequired[Annotated[FractionOrNull, _FRESH.format("test_accuracy")]]
    train_evaluation_loss: NotRequired[Annotated[LossOrNull, _EVALUATED]]
    train_evaluation_accuracy: NotRequired[Annotated[FractionOrNull, _EVALUATED]]
    test_loss: Annotated[LossOrNull, "mean cross-entropy (nats) over every test image"]
    test_accuracy: Annotated[FractionOrNull, "fraction right over every test image"]
    test_top5_accuracy: NotRequired[
        Annotated[
            FractionOrNull,
            "fraction of test images whose class is among the five rated highest; null up to five classes",
        ]
    ]


class Best(TypedDict):
    """The best of all epochs, and when it was."""

    test_accuracy: Fraction
    test_accuracy_epoch: Ordinal
    test_loss: Loss
    test_loss_epoch: Ordinal
    validation_loss: Loss
    validation_loss_epoch: Ordinal


#: What a summary says of probes.
AS_IN_LAST_EPOCH = "as in the last epoch"
_KIND = "run, epoch or summary"


class _Common(TypedDict):
    schema: Annotated[int, "version of this schema"]
    run_id: Annotated[str, "hash of the settings that differ from their defaults"]


class RunRecord(_Common):
    """The first record of a run, and the first of each attempt that went on with it."""

    kind: Annotated[Literal["run"], _KIND]
    study: NotRequired[Annotated[str, "the study that it belongs to; empty where it was started by none"]]
    config: Annotated[dict[str, Any], "every setting, the placement as its code"]
    data: Annotated[
        DataRecord,
        "source, encoding, image counts and shape, what was done to the images; trained_per_epoch: those "
        "in whole batches",
        Holds.OTHERS_TOO,
    ]
    sites: Annotated[
        dict[str, Literal["absent", "before", "after"]],
        "site -> absent, before or after the activation",
    ]
    parameters: Annotated[Count, "trained numbers in the network"]
    program: NotRequired[
        Annotated[
            Program,
            "gated: whether placements, rates and slopes were values of the program; lanes: how many runs "
            "trained side by side in it; kernels: whether convolutions were bnjax's own code (llvm) or XLA's",
            Holds.SOME,
        ]
    ]
    versions: Annotated[dict[str, str], "package -> version", Needs(("jax", "flax"))]
    device: Annotated[
        Device,
        "platform, kind and count of the devices, XLA flags and JAX settings in force",
        Holds.OTHERS_TOO,
    ]
    git_commit: Annotated[str | None, "commit of bnjax, with -dirty where files differ; null outside git"]
    started: Annotated[str, "UTC time, ISO 8601"]


class EpochRecord(_Common, Metrics):
    """One for each epoch, with a field for each probe that the run has, see :data:`bnjax.probes.PROBES`."""

    kind: Annotated[Literal["epoch"], _KIND]
    epoch: Annotated[Ordinal, "1 is the first"]
    step: Annotated[Count, "training steps so far"]
    status: Annotated[Literal["ok", "diverged"], "ok, or diverged when a loss is not finite"]
    train_batch_accuracy: NotRequired[
        Annotated[
            BatchAccuracy,
            "of single batches as trained: lowest, median, and perfect, the fraction without an error",
            Holds.ALL_OR_NOTHING,
        ]
    ]
    dying: Annotated[dict[str, Units], DYING.told]
    seconds: Annotated[Amount, "training time of the epoch, without evaluation"]
    images_per_second: Annotated[Amount, "training images per second"]
    waiting: NotRequired[
        Annotated[
            Amount | None,
            "fraction of the training time for which the device had no batch; null with images in memory",
        ]
    ]


class SummaryRecord(_Common):
    """The last record of a run, and the last of each attempt."""

    kind: Annotated[Literal["summary"], _KIND]
    status: Annotated[Literal["done", "diverged", "interrupted"], "done, diverged or interrupted"]
    epochs: Annotated[Count, "epochs recorded"]
    steps: Annotated[
        Count, "training steps taken; of an interrupted run those that its last checkpoint holds"
    ]
    final: Annotated[Metrics, "metrics of the last epoch; empty if none ended", Holds.SOME]
    best: Annotated[
        Best,
        "best test_accuracy, lowest test_loss and validation_loss, and their epochs; empty if none ended",
        Holds.SOME,
    ]
    dying: Annotated[dict[str, Units], AS_IN_LAST_EPOCH]
    state_sha256: Annotated[str | None, "digest of final params and batch_stats; null unless done"]
    compile_seconds: NotRequired[
        Annotated[
            Amount,
            "until the training step was compiled; little where another run of the process had done it",
        ]
    ]
    seconds: Annotated[Amount, "wall time of the run"]


#: The names of all that is measured after an epoch.
METRICS = tuple(Metrics.__annotations__)
Record = RunRecord | EpochRecord | SummaryRecord
#: kind -> its type.
KINDS: dict[str, Any] = {"run": RunRecord, "epoch": EpochRecord, "summary": SummaryRecord}
