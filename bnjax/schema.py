"""The fields of a run's records, with their types and what they mean."""

_NUMBER = (int, float)
_COMMON: dict[str, tuple[tuple[type, ...], str]] = {
    "schema": ((int,), "version of this schema"),
    "kind": ((str,), "run, epoch or summary"),
    "run_id": ((str,), "hash of the settings that differ from their defaults"),
}
_METRICS: dict[str, tuple[tuple[type, ...], str]] = {
    "train_loss": ((*_NUMBER, type(None)), "mean cross-entropy (nats) over the epoch's batches, as trained"),
    "train_accuracy": ((*_NUMBER, type(None)), "fraction right over the epoch's batches, as trained"),
    "validation_loss": ((*_NUMBER, type(None)), "over all validation images; null where there are none"),
    "validation_accuracy": ((*_NUMBER, type(None)), "over all validation images; null where there are none"),
    "train_evaluation_loss": (
        (*_NUMBER, type(None)),
        "over all training images after the epoch, in evaluation mode; null without --evaluate_train",
    ),
    "train_evaluation_accuracy": (
        (*_NUMBER, type(None)),
        "over all training images after the epoch, in evaluation mode; null without --evaluate_train",
    ),
    "test_loss": ((*_NUMBER, type(None)), "mean cross-entropy (nats) over every test image"),
    "test_accuracy": ((*_NUMBER, type(None)), "fraction right over every test image"),
    "test_top5_accuracy": (
        (*_NUMBER, type(None)),
        "fraction of test images whose class is among the five rated highest; null up to five classes",
    ),
}
#: kind -> field -> (types, meaning).
SCHEMA: dict[str, dict[str, tuple[tuple[type, ...], str]]] = {
    "run": {
        **_COMMON,
        "config": ((dict,), "every setting, the placement as its code"),
        "data": ((dict,), "source, encoding, image counts and shape, what was done to the images"),
        "sites": ((dict,), "site -> absent, before or after the activation"),
        "parameters": ((int,), "trained numbers in the network"),
        "program": (
            (dict,),
            "gated: whether placements, rates and slopes were values of the program; lanes: how many runs "
            "trained side by side in it; kernels: whether convolutions were bnjax's own code (llvm) or XLA's",
        ),
        "versions": ((dict,), "package -> version"),
        "device": ((dict,), "platform, kind and count of the devices, XLA flags set"),
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
            "of test images on which the median unit is active",
        ),
        "seconds": (_NUMBER, "training time of the epoch, without evaluation"),
        "images_per_second": (_NUMBER, "training images per second"),
        "waiting": (
            (*_NUMBER, type(None)),
            "fraction of the training time for which the device had no batch; null with images in memory",
        ),
    },
    "summary": {
        **_COMMON,
        "status": ((str,), "done, diverged or interrupted"),
        "epochs": ((int,), "epochs recorded"),
        "steps": ((int,), "training steps recorded"),
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
    "test_top5_accuracy",
    "train_batch_accuracy",
    "waiting",
    "program",
    "compile_seconds",
    "train_evaluation_loss",
    "train_evaluation_accuracy",
)
