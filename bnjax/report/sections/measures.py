"""What is told of every condition of any experiment: accuracy, loss and dying units after its last epoch."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bnjax.report.runs.recorded import RecordedRun, metric, total
from bnjax.stats.intervals import Estimate, estimate, paired_differences, possible

#: What is read of a run; None where its records lack it.
Read = Callable[[RecordedRun], float | None]


@dataclass(frozen=True)
class Measure:
    """A number of a run.

    Attributes:
      name: what it is, for people.
      unit: as :func:`bnjax.stats.intervals.possible` knows it.
      form: how it is written.
      read: what is read of a run.
    """

    name: str
    unit: str
    form: str
    read: Read

    @property
    def title(self) -> str:
        """Of a column."""
        return f"{self.name}, {self.unit}"

    @property
    def title_of_differences(self) -> str:
        """The same for differences: those of percentages are points."""
        return f"{self.name}, {'points' if self.unit == '%' else self.unit}"

    def values(self, by_seed: Mapping[int, RecordedRun]) -> dict[int, float]:
        """Seed -> its value; seeds whose records lack it are left out."""
        found = {seed: self.read(run) for seed, run in by_seed.items()}
        return {seed: value for seed, value in found.items() if value is not None}

    def level(self, by_seed: Mapping[int, RecordedRun]) -> Estimate | None:
        """The mean over seeds, its interval cut to what a run may have; None where no run has it."""
        values = self.values(by_seed)
        return possible(estimate(list(values.values())), self.unit) if values else None

    def difference(
        self, ours: Mapping[int, RecordedRun], reference: Mapping[int, RecordedRun]
    ) -> Estimate | None:
        """The mean of what lies between two conditions, paired by seed; None where they share no seed."""
        pairs = paired_differences(self.values(ours), self.values(reference))
        return estimate(pairs) if pairs else None


def final(field: str, scale: float = 1.0) -> Read:
    """Reads a field of the last epoch."""

    def read(run: RecordedRun) -> float | None:
        value = metric(run.epochs[-1], field)
        return None if value is None else scale * value

    return read


def best(field: str, choose: Callable[[list[float]], float], scale: float = 1.0) -> Read:
    """Reads a field of the epoch that has the best of it."""

    def read(run: RecordedRun) -> float | None:
        found = [metric(epoch, field) for epoch in run.epochs]
        known = [scale * value for value in found if value is not None]
        return choose(known) if known else None

    return read


def unit_count(count: Literal["silent", "flat"]) -> Read:
    """Reads a count of units over all sites after the last epoch."""
    return lambda run: total(run.epochs[-1]["dying"], count)


#: In the order of the tables. Fresh: through statistics computed anew from training images.
MEASURES = (
    Measure("test accuracy", "%", ".2f", final("test_accuracy", 100)),
    Measure("test accuracy (fresh)", "%", ".2f", final("test_accuracy_fresh", 100)),
    Measure("test loss", "nats", ".4f", final("test_loss")),
    Measure("test loss (fresh)", "nats", ".4f", final("test_loss_fresh")),
    Measure("validation accuracy", "%", ".2f", final("validation_accuracy", 100)),
    Measure("validation accuracy (fresh)", "%", ".2f", final("validation_accuracy_fresh", 100)),
    Measure("validation loss", "nats", ".4f", final("validation_loss")),
    Measure("validation loss (fresh)", "nats", ".4f", final("validation_loss_fresh")),
    Measure("best test accuracy", "%", ".2f", best("test_accuracy", max, 100)),
    Measure("lowest test loss", "nats", ".4f", best("test_loss", min)),
)
#: Their means alone: an interval of counts that are all 0 would be taken for certainty.
COUNTS = (
    Measure("silent", "units", ".1f", unit_count("silent")),
    Measure("flat", "units", ".1f", unit_count("flat")),
)


def mean_count(measure: Measure, by_seed: Mapping[int, RecordedRun]) -> float | None:
    """The mean over seeds; None where no run has it."""
    values = measure.values(by_seed)
    return statistics.fmean(values.values()) if values else None
