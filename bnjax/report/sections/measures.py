"""What the report says of every condition: accuracy, loss and dying units after its last epoch."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bnjax.report.page.document import TableCell, number
from bnjax.report.runs.recorded import RecordedRun, metric, total
from bnjax.stats.intervals import Estimate, Interval, estimate, paired_differences, possible

#: What is read of a run; None where its records lack it.
Read = Callable[[RecordedRun], float | None]

_TOLD_BY_NAME = ("", "size")


@dataclass(frozen=True)
class Measure:
    """A number of a run.

    Attributes:
      name: what it is, for people.
      unit: as :func:`bnjax.stats.intervals.possible` knows it; empty or ``size`` where the name tells it.
      form: how it is written.
      read: what is read of a run.
      instead: what it is of a run that has no running statistics, where another has; differences need both.
    """

    name: str
    unit: str
    form: str
    read: Read
    instead: Read | None = None

    @property
    def title(self) -> str:
        """Of a column."""
        return self.name if self.unit in _TOLD_BY_NAME else f"{self.name}, {self.unit}"

    @property
    def title_of_differences(self) -> str:
        """The same for differences: those of percentages are points."""
        return f"{self.name}, {'points' if self.unit == '%' else self.unit}"

    def values(self, by_seed: Mapping[int, RecordedRun]) -> dict[int, float]:
        """Seed -> its value; seeds whose records lack it are left out."""
        found = {seed: self.read(run) for seed, run in by_seed.items()}
        return {seed: value for seed, value in found.items() if value is not None}

    def level(self, by_seed: Mapping[int, RecordedRun], interval: Interval) -> Estimate | None:
        """The mean over seeds, its interval cut to what a run may have; None where no run has it."""
        values = [value for _, value in sorted(self.values(by_seed).items())]
        return possible(estimate(values, interval=interval), self.unit) if values else None

    def difference(
        self,
        ours: Mapping[int, RecordedRun],
        reference: Mapping[int, RecordedRun],
        interval: Interval,
    ) -> Estimate | None:
        """The mean of what lies between two conditions, paired by seed; None where they share no seed."""
        pairs = self.pairs(ours, reference)
        return possible(estimate(pairs, interval=interval), self.unit, difference=True) if pairs else None

    def pairs(self, ours: Mapping[int, RecordedRun], reference: Mapping[int, RecordedRun]) -> Sequence[float]:
        """What lies between two conditions, a number for each seed that both have."""
        own, others = self.values(ours), self.values(reference)
        if self.instead and bool(own) != bool(others):
            by_itself = replace(self, read=self.instead)
            own, others = own or by_itself.values(ours), others or by_itself.values(reference)
        return paired_differences(own, others)


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


def level_cell(value: Estimate | None, form: str, n: int) -> TableCell:
    """A mean with its interval; how many seeds it is of where that is not the row's n."""
    if value is None:
        return number(None)
    interval = "" if value.low is None else f" [{value.low:{form}}, {value.high:{form}}]"
    apart = "" if value.n == n else f", n = {value.n}"
    return TableCell(f"{value.mean:{form}}{interval}{apart}", value.mean, estimate=value)


def _without_statistics(field: str, scale: float) -> Read:
    """Reads a field of the last epoch of a run whose network has no running statistics."""

    def read(run: RecordedRun) -> float | None:
        epoch = run.epochs[-1]
        measured = f"{field}_fresh" in epoch and metric(epoch, f"{field}_fresh") is None
        return final(field, scale)(run) if measured and run.config.fresh_images else None

    return read


def _twice(name: str, unit: str, form: str, field: str, scale: float = 1.0) -> tuple[Measure, Measure]:
    """As a user would deploy it, and through fresh statistics."""
    fresh = Measure(
        f"{name} (fresh)", unit, form, final(f"{field}_fresh", scale), _without_statistics(field, scale)
    )
    return Measure(name, unit, form, final(field, scale)), fresh


#: In the order of the tables. Fresh: through statistics computed anew from training images.
MEASURES = (
    *_twice("test accuracy", "%", ".2f", "test_accuracy", 100),
    *_twice("test loss", "nats", ".4f", "test_loss"),
    *_twice("validation accuracy", "%", ".2f", "validation_accuracy", 100),
    *_twice("validation loss", "nats", ".4f", "validation_loss"),
    Measure("best test accuracy", "%", ".2f", best("test_accuracy", max, 100)),
    Measure("lowest test loss", "nats", ".4f", best("test_loss", min)),
)
ACCURACY = MEASURES[0]
#: Their means alone: an interval of counts that are all 0 would be taken for certainty.
COUNTS = (
    Measure("silent", "units", ".1f", unit_count("silent")),
    Measure("flat", "units", ".1f", unit_count("flat")),
)


def mean_count(measure: Measure, by_seed: Mapping[int, RecordedRun]) -> float | None:
    """The mean over seeds; None where no run has it."""
    values = measure.values(by_seed)
    return statistics.fmean(values.values()) if values else None
