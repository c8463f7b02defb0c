"""What is read of runs of the dying-ReLU series, and its sweeps as runs (Qiita, 2017-05, third part)."""

import dataclasses
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from bnjax.report.runs.recorded import RecordedRun, measured
from bnjax.report.runs.selected import best_first, runs_of
from bnjax.schema import EpochRecord
from bnjax.settings.config import Config
from bnjax.studies import Conditions
from bnjax.studies.mnist import MNIST

SITE = "fc/dense1"
LAST_EPOCHS = 5


def condition_config(settings: dict[str, Any], recipe_name: str) -> Config:
    """The config of a sweep's condition."""
    return dataclasses.replace(MNIST.recipe(recipe_name), **settings)


def accuracy_percent(epoch: EpochRecord) -> float:
    """In percent."""
    return 100 * measured(epoch["test_accuracy"])


def flat_units(epoch: EpochRecord) -> float:
    """How many of the hidden layer's units got no update for two epochs or more."""
    return measured(epoch["dying"][SITE]["flat"])


def silent_count(epoch: EpochRecord) -> float:
    """How many of the hidden layer's units no test image activates."""
    return epoch["dying"][SITE]["silent"]


def finished(runs: Sequence[RecordedRun]) -> list[RecordedRun]:
    """The runs that came to their end."""
    return [run for run in runs if run.summary and run.summary["status"] == "done"]


def late_accuracy(run: RecordedRun) -> float:
    """Test accuracy in percent, mean over the last epochs."""
    return statistics.fmean(map(accuracy_percent, run.epochs[-LAST_EPOCHS:]))


def perfect_batches(run: RecordedRun) -> float:
    """Training batches without an error in percent, mean over the last epochs."""
    last = run.epochs[-LAST_EPOCHS:]
    return 100 * statistics.fmean(epoch["train_batch_accuracy"]["perfect"] for epoch in last)


def sweep_runs(
    runs: Sequence[RecordedRun], conditions: Conditions, recipe_name: str = "published"
) -> dict[str, list[RecordedRun]]:
    """Condition -> its finished runs by seed that counted units; conditions without any are left out.

    All have one number of epochs: of those there are, the one that most runs have, of several the largest.
    """
    done = [run for run in finished(runs) if _counted(run)]
    found = {
        name: _by_length_and_seed(runs_of(done, condition_config(settings, recipe_name)))
        for name, settings in conditions.items()
    }
    lengths = Counter(length for of_condition in found.values() for length, _ in of_condition)
    chosen = max(lengths, key=lambda length: (lengths[length], length), default=0)
    of_one_length = {
        name: [run for (length, _), run in sorted(of_condition.items()) if length == chosen]
        for name, of_condition in found.items()
    }
    return {name: of_condition for name, of_condition in of_one_length.items() if of_condition}


def _counted(run: RecordedRun) -> bool:
    """Whether its probes counted the hidden layer's units, which ``--probes`` may leave out."""
    return all(SITE in epoch["dying"] for epoch in run.epochs)


def _by_length_and_seed(runs: Sequence[RecordedRun]) -> dict[tuple[int, int], RecordedRun]:
    """Of runs that were cut to the same length, one for each seed."""
    first_runs: dict[tuple[int, int], RecordedRun] = {}
    for run in best_first(runs):
        first_runs.setdefault((len(run.epochs), run.config.seed), run)
    return first_runs
