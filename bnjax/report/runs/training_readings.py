"""What claims read of how a run trained, beside metrics: speed to a target, and probes of all epochs."""

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from bnjax.report.runs.recorded import RecordedRun, measured
from bnjax.schema import EpochRecord

#: The percentiles of a unit's inputs that are followed.
_PERCENTILES = ("input_5th", "input_median", "input_95th")
_TARGET = 0.9


def epochs_to_90(run: RecordedRun) -> float:
    """The first epoch with a test accuracy of 90%, one more than all where there is none."""
    met = (epoch["epoch"] for epoch in run.epochs if measured(epoch["test_accuracy"]) >= _TARGET)
    return next(met, len(run.epochs) + 1)


def fresh_gain(run: RecordedRun) -> float:
    """How many points more accurate fresh statistics are than running ones, mean over the epochs."""
    return statistics.fmean(map(_gain, run.epochs))


def last_fresh_gain(run: RecordedRun) -> float:
    """The same, mean over the last tenth of the epochs."""
    return statistics.fmean(map(_gain, last_tenth(run)))


def _gain(epoch: EpochRecord) -> float:
    return 100 * (measured(epoch["test_accuracy_fresh"]) - measured(epoch["test_accuracy"]))


def running_unsteadiness(run: RecordedRun) -> float:
    """How many points more the accuracy moves between epochs by running statistics than by fresh ones."""
    running = [measured(epoch["test_accuracy"]) for epoch in run.epochs]
    fresh = [measured(epoch["test_accuracy_fresh"]) for epoch in run.epochs]
    return 100 * (mean_change(running) - mean_change(fresh))


def mean_change(values: Sequence[float]) -> float:
    """From each to the next, without signs."""
    return statistics.fmean(abs(after - before) for before, after in itertools.pairwise(values))


def last_tenth(run: RecordedRun) -> list[EpochRecord]:
    """The last tenth of the epochs, one at least."""
    return run.epochs[-max(1, len(run.epochs) // 10) :]


def first_fifth(run: RecordedRun) -> list[EpochRecord]:
    """The first fifth of the epochs, one at least."""
    return run.epochs[: max(1, len(run.epochs) // 5)]


def lowest_validation_loss(run: RecordedRun) -> float:
    """Of all epochs, on the images held out for validation."""
    return min(measured(epoch["validation_loss"]) for epoch in run.epochs)


def best_validation_accuracy(run: RecordedRun) -> float:
    """Of all epochs, on the images held out for validation, in percent."""
    return 100 * max(measured(epoch["validation_accuracy"]) for epoch in run.epochs)


def early_train_loss(run: RecordedRun) -> float:
    """Of batches as trained, mean over the first fifth of the epochs, one at least."""
    return statistics.fmean(measured(epoch["train_loss"]) for epoch in first_fifth(run))


def variance_shift(run: RecordedRun) -> float:
    """After the last epoch, mean over all norms but the first, in front of which nothing is dropped."""
    _, *others = _probed(run, "shift")[-1].values()
    return statistics.fmean(measured(of["variance_shift"]) for of in others)


def gradient_cosine(run: RecordedRun) -> float:
    """Mean over sites and epochs of what the layers below leave of the direction of a gradient."""
    return statistics.fmean(
        measured(of["gradient_cosine"]) for sites in _probed(run, "covariate-shift") for of in sites.values()
    )


def of_landscape(number: str) -> Callable[[RecordedRun], float]:
    """Mean over epochs of a number of the probe ``landscape``."""

    def read(run: RecordedRun) -> float:
        return statistics.fmean(measured(found[number]) for found in _probed(run, "landscape"))

    return read


def input_wandering(run: RecordedRun) -> float:
    """How far the inputs of the last unit's activation travel over epochs, in parts of their spread.

    The sum over epochs of the percentiles' mean change, over the mean distance of the outer two.
    """
    seen = [[measured(value) for value in _of_last_unit(sites)] for sites in _probed(run, "activations")]
    changes = [
        statistics.fmean(abs(b - a) for a, b in zip(before, after, strict=True))
        for before, after in itertools.pairwise(seen)
    ]
    return sum(changes) / statistics.fmean(high - low for low, _, high in seen)


def _of_last_unit(sites: Mapping[str, Any]) -> list[float]:
    *_, last = sites.values()
    return [last[name] for name in _PERCENTILES]


def _probed(run: RecordedRun, probe: str) -> list[Mapping[str, Any]]:
    """What a probe recorded after each epoch in which it looked, from the network's first site to its last.

    Raises:
      KeyError: it was not chosen.
    """
    recorded = [cast(Mapping[str, Any], epoch)[probe] for epoch in run.epochs]
    return [run.config.in_network_order(of_epoch) for of_epoch in recorded if of_epoch]
