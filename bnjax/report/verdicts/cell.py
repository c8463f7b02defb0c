"""Runs on one data set and of one number of epochs, by condition and seed; what contrasts read of them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from bnjax.report.runs.readings import READINGS, reading_of
from bnjax.report.runs.recorded import RecordedRun, metric
from bnjax.report.runs.selected import cut
from bnjax.schema import EpochRecord
from bnjax.studies.claim import Contrast

_UNFINISHED = "interrupted"
#: Read through running statistics, and in other fields through fresh ones.
_READ_TWICE = ("test_loss", "test_accuracy", "validation_loss", "validation_accuracy")


@dataclass
class Cell:
    """Runs on the same data, of the same number of epochs.

    Attributes:
      data: what tells these images from others.
      epochs: of every run.
      found: condition -> seed -> run, of those that came to their last epoch with finite losses.
      lost: condition -> seed -> why it did not; no seed is in both.
      left_out: why -> how many runs do not count.
    """

    data: Mapping[str, Any]
    epochs: int
    found: dict[str, dict[int, RecordedRun]] = field(default_factory=dict)
    lost: dict[str, dict[int, str]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def add(self, condition: str, run: RecordedRun) -> None:
        """Takes a run in; of runs with one seed the first counts."""
        found, lost = self.found.setdefault(condition, {}), self.lost.setdefault(condition, {})
        seed = run.config.seed
        why = "repeated" if seed in found or seed in lost else why_not_whole(run, self.epochs)
        if not why:
            found[seed] = cut(run, self.epochs)
            return
        self.left_out[why] = self.left_out.get(why, 0) + 1
        if why in ("diverged", _UNFINISHED):
            lost[seed] = why

    @property
    def runs(self) -> list[RecordedRun]:
        """Those that count, whether their seeds have every condition or not."""
        return [run for by_seed in self.found.values() for run in by_seed.values()]


def through_fresh(cell: Cell) -> Cell | None:
    """The same cell as its runs are through fresh statistics; None where no run has such readings.

    A network that depends on no running statistics is as it is; runs that were not measured so are left out.
    """
    found = {
        condition: {seed: fresh for seed, run in by_seed.items() if (fresh := _fresh(run))}
        for condition, by_seed in cell.found.items()
    }
    measured = any(
        epoch.get("test_loss_fresh") is not None
        for by_seed in found.values()
        for run in by_seed.values()
        for epoch in run.epochs
    )
    return dataclasses.replace(cell, found=found) if measured else None


def _fresh(run: RecordedRun) -> RecordedRun | None:
    if not run.config.fresh_images or not all("test_loss_fresh" in epoch for epoch in run.epochs):
        return None
    return dataclasses.replace(run, epochs=[_through_fresh(epoch) for epoch in run.epochs])


def _through_fresh(epoch: EpochRecord) -> EpochRecord:
    read = {name: metric(epoch, f"{name}_fresh") for name in _READ_TWICE}
    return cast(EpochRecord, {**epoch, **{name: value for name, value in read.items() if value is not None}})


class Outcomes(NamedTuple):
    """What records say of a contrast.

    Attributes:
      values: seed -> the weighted sum, of each seed that has every condition, in their order.
      lost: why -> how many seeds have no value although they were run.
      lacking: why no run of some condition has what is read; empty where one has.
    """

    values: dict[int, float]
    lost: dict[str, int]
    lacking: str


def why_not_whole(run: RecordedRun, epochs: int) -> str:
    """Shorter, diverged or interrupted, if a run has fewer epochs with finite losses; else empty."""
    if run.config.epochs < epochs:
        return "shorter"
    statuses = [epoch["status"] for epoch in run.epochs[:epochs]]
    if statuses == ["ok"] * epochs:
        return ""
    ended = run.summary["status"] if run.summary else ""
    return "diverged" if "diverged" in (*statuses, ended) else _UNFINISHED


def outcomes(contrast: Contrast, cell: Cell) -> Outcomes:
    """Seed by seed; a run that diverged counts as the worst that its reading can be, if anything is."""
    reading, lost, lacking = READINGS[contrast.reading], dict[int, str](), ""
    sums: list[dict[int, float]] = []
    for condition, weight in contrast.weights.items():
        runs = cell.found.get(condition, {})
        values = {
            seed: value
            for seed, run in runs.items()
            if (value := reading_of(contrast.reading, run)) is not None
        }
        if runs and not values:
            lacking = _why_lacking(contrast.reading, cell.epochs)
        for seed, why in cell.lost.get(condition, {}).items():
            if why == "diverged" and reading.worst is not None:
                values[seed] = reading.worst
            else:
                lost[seed] = why
        sums.append({seed: weight * value for seed, value in values.items()})
    seeds = set.intersection(*map(set, sums))
    counted = {why: [*lost.values()].count(why) for why in sorted(set(lost.values()))}
    return Outcomes({seed: sum(one[seed] for one in sums) for seed in sorted(seeds)}, counted, lacking)


def _why_lacking(reading: str, epochs: int) -> str:
    told = READINGS[reading]
    if epochs < told.least_epochs:
        return f"{told.label}: needs {told.least_epochs} epochs, of {epochs} it is the same whatever happens"
    return f"{told.label}: these records do not hold it"
