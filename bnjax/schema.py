"""The fields of a run's records: their types, what they mean, and what values they may have."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Types = tuple[type, ...]
_NUMBER = (int, float)
_NUMBER_OR_NULL = (int, float, type(None))
_COMMON: dict[str, tuple[Types, str]] = {
    "schema": ((int,), "version of this schema"),
    "kind": ((str,), "run, epoch or summary"),
    "run_id": ((str,), "hash of the settings that differ from their defaults"),
}
_METRICS: dict[str, tuple[Types, str]] = {
    "train_loss": (_NUMBER_OR_NULL, "mean cross-entropy (nats) over the epoch's batches, as trained"),
    "train_accuracy": (_NUMBER_OR_NULL, "fraction right over the epoch's batches, as trained"),
    "validation_loss": (_NUMBER_OR_NULL, "over all validation images; null where there are none"),
    "validation_accuracy": (_NUMBER_OR_NULL, "over all validation images; null where there are none"),
    **{
        f"{part}_{metric}_fresh": (
            _NUMBER_OR_NULL,
            f"{part}_{metric} through fresh statistics, see --fresh_images; null where the network depends "
            "on none",
        )
        for part in ("validation", "test")
        for metric in ("loss", "accuracy")
    },
    "train_evaluation_loss": (
        _NUMBER_OR_NULL,
        "over all training images after the epoch, in evaluation mode; null without --evaluate_train",
    ),
    "train_evaluation_accuracy": (
        _NUMBER_OR_NULL,
        "over all training images after the epoch, in evaluation mode; null without --evaluate_train",
    ),
    "test_loss": (_NUMBER_OR_NULL, "mean cross-entropy (nats) over every test image"),
    "test_accuracy": (_NUMBER_OR_NULL, "fraction right over every test image"),
    "test_top5_accuracy": (
        _NUMBER_OR_NULL,
        "fraction of test images whose class is among the five rated highest; null up to five classes",
    ),
}
#: What is measured after each epoch.
METRICS = tuple(_METRICS)
_FRESH = tuple(name for name in METRICS if name.endswith("_fresh"))
#: kind -> field -> (types, meaning).
SCHEMA: dict[str, dict[str, tuple[Types, str]]] = {
    "run": {
        **_COMMON,
        "study": ((str,), "the study that it belongs to; empty where it was started by none"),
        "config": ((dict,), "every setting, the placement as its code"),
        "data": (
            (dict,),
            "source, encoding, image counts and shape, what was done to the images; trained_per_epoch: those "
            "in whole batches",
        ),
        "sites": ((dict,), "site -> absent, before or after the activation"),
        "parameters": ((int,), "trained numbers in the network"),
        "program": (
            (dict,),
            "gated: whether placements, rates and slopes were values of the program; lanes: how many runs "
            "trained side by side in it; kernels: whether convolutions were bnjax's own code (llvm) or XLA's",
        ),
        "versions": ((dict,), "package -> version"),
        "device": ((dict,), "platform, kind and count of the devices, XLA flags and JAX settings in force"),
        "git_commit": (
            (str, type(None)),
            "commit of bnjax, with -dirty where files differ; null outside git",
        ),
        "started": ((str,), "UTC time, ISO 8601"),
    },
    "epoch": {
        **_COMMON,
        "epoch": ((int,), "1 is the first"),
        "step": ((int,), "training steps so far"),
        "status": ((str,), "ok, or diverged when a loss is not finite"),
        **_METRICS,
        "train_batch_accuracy": (
            (dict,),
            "of single batches as trained: lowest, median, and perfect, the fraction without an error",
        ),
        "dying": (
            (dict,),
            "site -> {silent, flat, units, active}: units counted at the end of the epoch, and the fraction "
            "of test images on which the median unit is active; flat is null where the kernel is not trained",
        ),
        "seconds": (_NUMBER, "training time of the epoch, without evaluation"),
        "images_per_second": (_NUMBER, "training images per second"),
        "waiting": (
            _NUMBER_OR_NULL,
            "fraction of the training time for which the device had no batch; null with images in memory",
        ),
    },
    "summary": {
        **_COMMON,
        "status": ((str,), "done, diverged or interrupted"),
        "epochs": ((int,), "epochs recorded"),
        "steps": ((int,), "training steps taken; of an interrupted run those that its last checkpoint holds"),
        "final": ((dict,), "metrics of the last epoch; empty if none ended"),
        "best": (
            (dict,),
            "best test_accuracy, lowest test_loss and validation_loss, and their epochs; empty if none ended",
        ),
        "dying": ((dict,), "as in the last epoch"),
        "state_sha256": ((str, type(None)), "digest of final params and batch_stats; null unless done"),
        "compile_seconds": (
            _NUMBER,
            "until the training step was compiled; little where another run of the process had done it",
        ),
        "seconds": (_NUMBER, "wall time of the run"),
    },
}
#: Fields that records of an earlier bnjax of the same schema do not have.
ADDED_LATER = (
    "study",
    "test_top5_accuracy",
    "train_batch_accuracy",
    "waiting",
    "program",
    "compile_seconds",
    "train_evaluation_loss",
    "train_evaluation_accuracy",
    *_FRESH,
)


@dataclass(frozen=True)
class Part:
    """What an object within a record holds.

    Attributes:
      needed: names that have to be there -> types.
      known: other names -> types.
      others: types of all other names; None: such a name comes from a later version.
      words: what the others may be; empty: anything of these types.
      may_be_empty: whether it may hold nothing, as where no epoch has ended.
      of_each_site: whether the field holds such an object for each site.
    """

    needed: Mapping[str, Types] = field(default_factory=dict)
    known: Mapping[str, Types] = field(default_factory=dict)
    others: Types | None = None
    words: tuple[str, ...] = ()
    may_be_empty: bool = False
    of_each_site: bool = False


_ANY = (str, int, float, bool, list, dict, type(None))
_METRIC_TYPES = {name: types for name, (types, _) in _METRICS.items()}
_BEST = ("test_loss", "validation_loss")
#: Field -> what its object holds. What ``config`` holds is said by the settings themselves.
PARTS: dict[str, Part] = {
    "data": Part(
        {"name": (str,), "version": (str,), "encoding": (str,)},
        {
            "source": (str,),
            "image_shape": (list,),
            **dict.fromkeys(("classes", "train_images", "validation_images", "test_images"), (int,)),
        },
        _ANY,
    ),
    "sites": Part(others=(str,), words=("absent", "before", "after"), may_be_empty=True),
    "program": Part({}, {"gated": (bool,), "lanes": (int,), "kernels": (str,)}, may_be_empty=True),
    "versions": Part({"jax": (str,), "flax": (str,)}, others=(str,)),
    "device": Part({"kind": (str,), "count": (int,)}, {"platform": (str,)}, _ANY),
    "train_batch_accuracy": Part(dict.fromkeys(("lowest", "median", "perfect"), _NUMBER), may_be_empty=True),
    "dying": Part(
        {"silent": (int,), "flat": (int, type(None)), "units": (int,)},
        {"active": _NUMBER},  # added later
        may_be_empty=True,
        of_each_site=True,
    ),
    "final": Part({}, _METRIC_TYPES, may_be_empty=True),
    "best": Part(
        {},
        {
            **dict.fromkeys(("test_accuracy", *_BEST), _NUMBER),
            **dict.fromkeys(("test_accuracy_epoch", *(f"{name}_epoch" for name in _BEST)), (int,)),
        },
        may_be_empty=True,
    ),
}
_LARGEST = 2**53
_FRACTION, _FROM_0, _FROM_1 = (0, 1), (0, _LARGEST), (1, _LARGEST)
#: Least and largest value of a number, by its name. Rounding may leave a loss just below 0.
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys((name for name in METRICS if "_loss" in name), (-0.001, 1e300)),
    **dict.fromkeys((name for name in METRICS if "_accuracy" in name), _FRACTION),
    **dict.fromkeys(("lowest", "median", "perfect", "active"), _FRACTION),
    **dict.fromkeys(("silent", "flat", "units", "step", "steps", "epochs", "parameters", "waiting"), _FROM_0),
    **dict.fromkeys(("seconds", "compile_seconds", "images_per_second"), _FROM_0),
    **dict.fromkeys(("train_images", "validation_images", "test_images"), _FROM_0),
    **dict.fromkeys(("epoch", "lanes", "count", "classes"), _FROM_1),
    **dict.fromkeys(("test_accuracy_epoch", *(f"{name}_epoch" for name in _BEST)), _FROM_1),
}
#: Record and field -> the words that it may be.
WORDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("epoch", "status"): ("ok", "diverged"),
    ("summary", "status"): ("done", "diverged", "interrupted"),
}
#: What an epoch whose status is ok has measured.
MEASURED = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
#: What of a site's units is counted.
COUNTED = ("silent", "flat")
