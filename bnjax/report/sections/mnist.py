"""The statements of the dying-ReLU series beside our numbers (Qiita, 2017-05, third part)."""

import dataclasses
import functools
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import best_first, runs_of
from bnjax.report.sections.tables import Finding, findings_table
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.stats.intervals import estimate, paired_differences, possible
from bnjax.studies import Conditions, recipe
from bnjax.studies.mnist import MNIST

SITE = "fc/dense1"
LAST_EPOCHS = 5
Metric = Callable[[RecordedRun], float]
#: One value a run, by its seed.
PerRun = dict[int, float]


def condition_config(settings: dict[str, Any], recipe_name: str) -> Config:
    """The config of a sweep's condition."""
    return dataclasses.replace(recipe("mnist", recipe_name), **settings)


def accuracy_percent(epoch: dict[str, Any]) -> float:
    """In percent."""
    return 100 * epoch["test_accuracy"]


def flat_units(epoch: dict[str, Any]) -> float:
    """How many of the hidden layer's units got no update for two epochs or more."""
    return epoch["dying"][SITE]["flat"]


def silent_units(epoch: dict[str, Any]) -> float:
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


def most_flat(run: RecordedRun) -> float:
    """The most flat units that any epoch saw."""
    return max(map(flat_units, run.epochs))


def last_silent(run: RecordedRun) -> float:
    """Silent units after the last epoch."""
    return silent_units(run.epochs[-1])


def median_active(run: RecordedRun) -> float:
    """On what percentage of the test images the median unit is active, after the last epoch."""
    return 100 * run.epochs[-1]["dying"][SITE]["active"]


def counted_runs(runs: Sequence[RecordedRun], recipe_name: str = "published") -> list[RecordedRun]:
    """The runs that :func:`mnist_table` rests on, each once."""
    sweeps = (sweep_runs(runs, conditions, recipe_name) for conditions in MNIST.sweeps.values())
    counted = {id(run): run for found in sweeps for of_condition in found.values() for run in of_condition}
    return list(counted.values())


def mnist_table(runs: Sequence[RecordedRun], recipe_name: str = "published") -> str:
    """Every statement with our mean over seeds, its 95% interval (Student's t) and n, as Markdown.

    Differences are paired by seed and in points (hundredths of the test images), mean of the last five
    epochs. What was not run is left out.
    """
    findings = _Findings(finished(runs), recipe_name)
    return findings_table([*findings.counts(), *findings.comparisons()])


@dataclass(frozen=True)
class _Findings:
    """Makes the rows of what was run."""

    runs: Sequence[RecordedRun]
    recipe_name: str

    def counts(self) -> Iterator[Finding]:
        """Of every condition, what its units did and how accurate it is."""
        seen: set[Config] = set()
        for sweep, conditions in MNIST.sweeps.items():
            for condition, settings in conditions.items():
                config = resolve(condition_config(settings, self.recipe_name))
                if config in seen:
                    continue  # comparisons share runs
                seen.add(config)
                with_bn = settings["placement"] != "none"
                dies = "no unit dies" if with_bn or sweep == "leaky" else "units die (first part)"
                said = "" if sweep == "optimizers" else dies
                yield from self._told(said, sweep, condition, most_flat, "most flat units", "of 256")
                yield from self._told("", sweep, condition, last_silent, "silent units", "of 256")
                yield from self._told(
                    "", sweep, condition, median_active, "images activating the median unit"
                )
                yield from self._told("", sweep, condition, late_accuracy, "test accuracy")

    def comparisons(self) -> Iterator[Finding]:
        """What the statements compare."""
        perfect = "training batches without an error"
        yield from self._told("some errors stay", "bn-or-not", "with BN", perfect_batches, perfect)
        yield from self._told("sticks at 100%", "bn-or-not", "without BN", perfect_batches, perfect)
        yield from self._compared("less accurate with BN", "bn-or-not", "with BN", "without BN")
        for size in (50, 100, 200, 500):
            said = "batch size 10 is 1 to 1.5 points below"
            yield from self._compared(said, "batch-sizes", "batch size 10", f"batch size {size}")
        for slope in ("slope 0.001", "slope 0.01", "slope 0.18", "slope 0.5"):
            with_bn, without = f"{slope}, with BN", f"{slope}, without BN"
            yield from self._compared("alike after epoch 20", "leaky", with_bn, "ReLU, with BN")
            yield from self._compared("less accurate with BN", "leaky", with_bn, without)
        for optimizer in ("SGD", "momentum"):
            yield from self._compared("", "optimizers", f"{optimizer}, with BN", f"{optimizer}, without BN")
            yield from self._compared("", "optimizers", f"{optimizer}, without BN", "Adam, without BN")

    @functools.cached_property
    def _found(self) -> dict[str, dict[str, list[RecordedRun]]]:
        """Sweep -> condition -> runs."""
        return {
            sweep: sweep_runs(self.runs, conditions, self.recipe_name)
            for sweep, conditions in MNIST.sweeps.items()
        }

    def _values(self, sweep: str, condition: str, metric: Metric) -> PerRun:
        found = {run.run["config"]["seed"]: run for run in self._found[sweep].get(condition, [])}
        values = {seed: _known(metric, run) for seed, run in found.items()}
        return {seed: value for seed, value in values.items() if value is not None}

    def _told(
        self, said: str, sweep: str, condition: str, metric: Metric, what: str, unit: str = "%"
    ) -> Iterator[Finding]:
        found = list(self._values(sweep, condition, metric).values())
        if found:
            yield Finding(said, condition, what, possible(estimate(found), unit), unit)

    def _compared(self, said: str, sweep: str, condition: str, reference: str) -> Iterator[Finding]:
        ours, others = (self._values(sweep, name, late_accuracy) for name in (condition, reference))
        found = paired_differences(ours, others)
        if found:
            yield Finding(said, condition, f"test accuracy, minus {reference}", estimate(found), "points")


def _known(metric: Metric, run: RecordedRun) -> float | None:
    """None where records of the first version lack what is read."""
    try:
        return metric(run)
    except KeyError:
        return None


def sweep_runs(
    runs: Sequence[RecordedRun], conditions: Conditions, recipe_name: str = "published"
) -> dict[str, list[RecordedRun]]:
    """Condition -> its finished runs by seed; conditions without any are left out.

    All have one number of epochs: of those there are, the one that most runs have, of several the largest.
    """
    done = finished(runs)
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


def _by_length_and_seed(runs: Sequence[RecordedRun]) -> dict[tuple[int, int], RecordedRun]:
    """Of runs that were cut to the same length, one for each seed."""
    found: dict[tuple[int, int], RecordedRun] = {}
    for run in best_first(runs):
        found.setdefault((len(run.epochs), run.run["config"]["seed"]), run)
    return found
