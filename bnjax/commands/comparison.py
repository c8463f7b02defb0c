"""Conditions that were run side by side, ranked, each held against the first of them seed by seed."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnjax.report.runs.recorded import RecordedRun, load_sound_runs, metric, total
from bnjax.settings.config import Config
from bnjax.settings.identity import condition_names
from bnjax.settings.places import record_path
from bnjax.stats.intervals import Estimate, estimate, paired_differences


@dataclass(frozen=True)
class Compared:
    """A condition among others, over its runs that are done.

    Attributes:
      name: what tells it from the others.
      accuracy: the last test accuracy, 0 to 1, with its 95% interval over seeds; None where no run is done.
      fresh: the same through fresh statistics, of the runs that have any.
      loss: the last test loss, in nats.
      silent: the fraction of units that are silent at the end; None where none were counted.
      difference: accuracy minus that of the first condition, paired by seed; None for the first one, and
        where no seed is shared.
      left_out: how many of its runs diverged or are not done.
      is_reference: whether the others are held against it: the first one.
    """

    name: str
    accuracy: Estimate | None
    fresh: Estimate | None
    loss: Estimate | None
    silent: float | None
    difference: Estimate | None
    left_out: int
    is_reference: bool


def recorded(configs: Iterable[Config]) -> list[RecordedRun]:
    """What is recorded of runs, in their order; runs without records are left out."""
    found: list[RecordedRun] = []
    for config in configs:
        folder = record_path(config).parent
        if folder.is_dir():
            found += load_sound_runs(folder)[0]
    return found


def compared(configs: Sequence[Config]) -> list[Compared]:
    """The conditions of resolved configs by their last test accuracy, the best mean first."""
    of_condition: dict[Config, dict[int, RecordedRun | None]] = {}
    for config in configs:
        run = next(iter(recorded([config])), None)
        done = run if run and run.summary and run.summary["status"] == "done" else None
        of_condition.setdefault(dataclasses.replace(config, seed=Config.seed), {})[config.seed] = done
    names = condition_names(list(of_condition))
    reference = _by_seed(next(iter(of_condition.values()), {}), "test_accuracy")
    rows = [
        _row(names[condition], runs, reference, is_reference=not number)
        for number, (condition, runs) in enumerate(of_condition.items())
    ]
    return sorted(rows, key=lambda row: -row.accuracy.mean if row.accuracy else 1.0)


def _row(
    name: str, runs: dict[int, RecordedRun | None], reference: dict[int, float], is_reference: bool
) -> Compared:
    accuracies, fresh, losses = (
        _by_seed(runs, name) for name in ("test_accuracy", "test_accuracy_fresh", "test_loss")
    )
    differences = [] if is_reference else paired_differences(accuracies, reference)
    shares = [share for run in runs.values() if run and (share := silent_share(run.epochs[-1])) is not None]
    return Compared(
        name,
        estimate(list(accuracies.values())) if accuracies else None,
        estimate(list(fresh.values())) if fresh else None,
        estimate(list(losses.values())) if losses else None,
        sum(shares) / len(shares) if shares else None,
        estimate(differences) if differences else None,
        len(runs) - len(accuracies),
        is_reference,
    )


def _by_seed(runs: dict[int, RecordedRun | None], name: str) -> dict[int, float]:
    """Seed -> what the last epoch of a run that is done measured."""
    last = {seed: run.epochs[-1] for seed, run in runs.items() if run and run.epochs}
    found = {seed: metric(epoch, name) for seed, epoch in last.items()}
    return {seed: value for seed, value in found.items() if value is not None}


def silent_share(epoch: Mapping[str, Any]) -> float | None:
    """The fraction of units that are silent in an epoch's record, over all sites; None where none count."""
    silent, units = total(epoch["dying"], "silent"), total(epoch["dying"], "units")
    return silent / units if units and silent is not None else None


def in_percent(value: Estimate | None, sign: str = "") -> str:
    """``71.2% [69.0, 73.4]``; the interval is left out where one value gives none."""
    if value is None:
        return "-"
    mean = f"{100 * value.mean:{sign}.2f}%"
    if value.low is None or value.high is None:
        return mean
    return f"{mean} [{100 * value.low:{sign}.2f}, {100 * value.high:{sign}.2f}]"
