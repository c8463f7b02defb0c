"""What claims read of a run: one number, with its name and its unit."""

import functools
import statistics
from collections.abc import Callable
from typing import NamedTuple

from bnjax.report.runs import probe_readings, training_readings
from bnjax.report.runs.recorded import RecordedRun, measured, total
from bnjax.report.sections import mnist, vgg7
from bnjax.schema import EpochRecord

#: Unit -> digits behind the point that people are told.
_DIGITS = {
    **{"nats": 4, "points": 2, "points more": 2, "units": 1, "leaps": 1, "epochs": 1, "skew": 3},
    **{"times": 3, "decades": 2, "cosine": 3, "directions": 2, "gap": 3, "%": 1},
}
#: The first epoch that counts as settled, as the text on MNIST has it.
_SETTLED = 20


class Reading(NamedTuple):
    """What is read of a run.

    Attributes:
      label: for people.
      unit: a key of what is possible in :mod:`bnjax.stats.intervals`.
      read: how.
      least_epochs: runs of fewer have no value, since it would be the same whatever they did.
      worst: what a run that diverged counts as; None where nothing is worst.
    """

    label: str
    unit: str
    read: Callable[[RecordedRun], float]
    least_epochs: int = 1
    worst: float | None = None

    def form(self, difference: bool) -> str:
        """How its numbers are written: differences bear their sign."""
        return f"{'+' if difference else ''}.{_DIGITS[self.unit]}f"


#: Runs that diverged are wrong about every image.
_Accuracy = functools.partial(Reading, worst=0.0)


def last_tenth_accuracy(run: RecordedRun) -> float:
    """Test accuracy in percent, mean over the last tenth of the epochs."""
    return 100 * statistics.fmean(
        measured(epoch["test_accuracy"]) for epoch in training_readings.last_tenth(run)
    )


def early_accuracy(run: RecordedRun) -> float:
    """Test accuracy in percent, mean over the first fifth of the epochs."""
    return 100 * statistics.fmean(
        measured(epoch["test_accuracy"]) for epoch in training_readings.first_fifth(run)
    )


def unsteadiness(run: RecordedRun) -> float:
    """How many points the test accuracy moves from one epoch to the next, on average over the second half."""
    accuracies = [100 * measured(epoch["test_accuracy"]) for epoch in run.epochs[len(run.epochs) // 2 :]]
    return training_readings.mean_change(accuracies)


def most_flat(run: RecordedRun) -> float:
    """The most units, of all trained kernels, that any epoch found without an update for two epochs."""
    totals = (total(epoch["dying"], "flat") for epoch in run.epochs)
    return max(units for units in totals if units is not None)


def last_silent(run: RecordedRun) -> float:
    """Units, of all sites together, that no test image activates after the last epoch."""
    if (counted := total(run.epochs[-1]["dying"], "silent")) is None:
        raise ValueError("no units were counted")
    return counted


def final_train_accuracy(run: RecordedRun) -> float:
    """Of the last epoch's batches as trained, in percent."""
    return 100 * measured(run.epochs[-1]["train_accuracy"])


def final_train_loss(run: RecordedRun) -> float:
    """Of the last epoch's batches as trained."""
    return measured(run.epochs[-1]["train_loss"])


def _best_epoch(run: RecordedRun) -> EpochRecord:
    return max(run.epochs, key=lambda epoch: measured(epoch["test_accuracy"]))


def loss_at_best_accuracy(run: RecordedRun) -> float:
    """Test loss after the epoch of the highest test accuracy."""
    return measured(_best_epoch(run)["test_loss"])


def epoch_of_best_accuracy(run: RecordedRun) -> float:
    """The first epoch with the highest test accuracy."""
    return _best_epoch(run)["epoch"]


def accuracy_from_20(run: RecordedRun) -> float:
    """Test accuracy in percent, mean over all epochs from the 20th on."""
    return 100 * statistics.fmean(measured(epoch["test_accuracy"]) for epoch in run.epochs[_SETTLED - 1 :])


READINGS: dict[str, Reading] = {
    "lowest_loss": Reading("lowest test loss", "nats", vgg7.lowest_loss),
    "final_loss": Reading("final test loss", "nats", vgg7.final_loss),
    "overfitting": Reading("overfitting: final minus lowest test loss", "nats", vgg7.overfitting, 2),
    "early_loss": Reading("mean test loss of the first fifth of epochs", "nats", vgg7.early_loss),
    "epochs_to_loss": Reading(
        "epochs until the test loss is 0.8 of chance, one more than all where it never is",
        "epochs",
        vgg7.epochs_to_loss,
        2,
    ),
    "late_rise": Reading("late minus lowest test loss, medians of a tenth", "nats", vgg7.late_rise, 10),
    "leaps": Reading("leaps of the test loss by a fifth, past its lowest", "leaps", vgg7.leaps, 10),
    "largest_jump": Reading("largest rise of the test loss between epochs", "nats", vgg7.largest_jump, 2),
    "best_accuracy": _Accuracy("best test accuracy", "points", vgg7.best_accuracy),
    "final_accuracy": _Accuracy("final test accuracy", "points", vgg7.final_accuracy),
    "last_tenth_accuracy": _Accuracy(
        "test accuracy, mean of the last tenth of epochs", "points", last_tenth_accuracy
    ),
    "late_accuracy": _Accuracy("test accuracy, mean of the last 5 epochs", "points", mnist.late_accuracy),
    "accuracy_from_20": _Accuracy(
        "test accuracy, mean from epoch 20 on", "points", accuracy_from_20, _SETTLED
    ),
    "early_accuracy": _Accuracy("test accuracy, mean of the first fifth of epochs", "points", early_accuracy),
    "unsteadiness": Reading("change of the test accuracy between late epochs", "points", unsteadiness, 3),
    "perfect_batches": _Accuracy("training batches without an error", "points", mnist.perfect_batches),
    "most_flat": Reading("most flat units", "units", most_flat, 2),
    "last_silent": Reading("silent units after the last epoch", "units", last_silent),
    "final_train_accuracy": _Accuracy("final training accuracy", "points", final_train_accuracy),
    "final_train_loss": Reading("final training loss", "nats", final_train_loss),
    "loss_at_best_accuracy": Reading(
        "test loss at the epoch of best test accuracy", "nats", loss_at_best_accuracy
    ),
    "epoch_of_best_accuracy": Reading("epoch of best test accuracy", "epochs", epoch_of_best_accuracy, 2),
    "lowest_validation_loss": Reading(
        "lowest validation loss", "nats", training_readings.lowest_validation_loss
    ),
    "best_validation_accuracy": _Accuracy(
        "best validation accuracy", "points", training_readings.best_validation_accuracy
    ),
    "norm_input_skew": Reading(
        "skew of the norms' inputs (--probes=activations)", "skew", probe_readings.norm_input_skew
    ),
    "gradient_growth": Reading(
        "factor by which gradients grow from layer to layer towards the input (--probes=gradients)",
        "times",
        probe_readings.gradient_growth,
    ),
    "gradient_range": Reading(
        "largest over smallest gradient of a layer (--probes=gradients)",
        "decades",
        probe_readings.gradient_range,
    ),
    "epochs_to_90": Reading(
        "epochs until the test accuracy is 90%, one more than all where it never is",
        "epochs",
        training_readings.epochs_to_90,
        2,
    ),
    "fresh_gain": Reading(
        "test accuracy by fresh minus by running statistics, mean of all epochs",
        "points more",
        training_readings.fresh_gain,
    ),
    "last_fresh_gain": Reading(
        "test accuracy by fresh minus by running statistics, mean of the last tenth of epochs",
        "points more",
        training_readings.last_fresh_gain,
    ),
    "running_unsteadiness": Reading(
        "change of the test accuracy between epochs, by running minus by fresh statistics",
        "points more",
        training_readings.running_unsteadiness,
        2,
    ),
    "early_train_loss": Reading(
        "training loss, mean of the first fifth of epochs", "nats", training_readings.early_train_loss
    ),
    "variance_shift": Reading(
        "variance of the norms' inputs in evaluation over that in training (--probes=shift)",
        "times",
        training_readings.variance_shift,
    ),
    "gradient_cosine": Reading(
        "cosine of gradients before and after the layers below moved (--probes=covariate-shift)",
        "cosine",
        training_readings.gradient_cosine,
    ),
    "loss_range": Reading(
        "range of the training loss along the gradient (--probes=landscape)",
        "nats",
        training_readings.of_landscape("loss_range"),
    ),
    "smoothness": Reading(
        "largest change of the gradient along it, over the step's length (--probes=landscape)",
        "times",
        training_readings.of_landscape("smoothness"),
    ),
    "input_wandering": Reading(
        "way of the last unit's inputs over epochs, in parts of their spread (--probes=activations)",
        "times",
        training_readings.input_wandering,
        2,
    ),
    "last_gradient": Reading(
        "gradient of the last layer (--probes=gradients)", "decades", probe_readings.last_gradient
    ),
    "last_rank": Reading("rank of the last features (--probes=rank)", "directions", probe_readings.last_rank),
    "last_gap": Reading("last features' orthogonality gap (--probes=rank)", "gap", probe_readings.last_gap),
    "born_dead": Reading("networks with a layer that answers no image", "%", probe_readings.born_dead),
    "branch_share": Reading(
        "share of the last residual branch in the variance (--probes=branches)",
        "%",
        probe_readings.branch_share,
    ),
    "sum_growth": Reading(
        "factor of the variance from one residual sum to the next (--probes=branches)",
        "times",
        probe_readings.sum_growth,
    ),
}


def reading_of(name: str, run: RecordedRun) -> float | None:
    """A reading of a run by its name; None where its records lack what is read.

    Raises:
      KeyError: there is no such reading.
    """
    reading = READINGS[name]
    if len(run.epochs) < reading.least_epochs:
        return None
    try:
        return float(reading.read(run))
    except (KeyError, TypeError, ValueError, IndexError, ArithmeticError):  # absent, null, too few, over 0
        return None
