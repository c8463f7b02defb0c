"""Conditions that were run side by side, ranked, each held against the first of them seed by seed."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnjax.report.runs.recorded import RecordedRun, load_sound_runs, total
from bnjax.report.runs.selected import interval_of
from bnjax.report.sections.measures import Measure, final
from bnjax.settings.config import Config
from bnjax.settings.places import record_path
from bnjax.stats import Estimate, Interval
from bnjax.studies.naming import condition_names

_ACCURACY = Measure("test accuracy", "fraction", ".2%", final("test_accuracy"))
_FRESH = Measure("fresh", "fraction", ".2%", final("test_accuracy_fresh"))
_LOSS = Measure("test loss", "nats", ".4f", final("test_loss"))


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
    runs: list[RecordedRun] = []
    for config in configs:
        folder = record_path(config).parent
        if folder.is_dir():
            runs += load_sound_runs(folder)[0]
    return runs


def compared(configs: Sequence[Config]) -> list[Compared]:
    """The conditions of resolved configs by their last test accuracy, the best mean first."""
    of_condition: dict[Config, dict[int, RecordedRun]] = {}
    asked: Counter[Config] = Counter()
    for config in configs:
        condition = dataclasses.replace(config, seed=Config.seed)
        done = of_condition.setdefault(condition, {})
        asked[condition] += 1
        for run in recorded([config]):
            if run.summary and run.summary["status"] == "done" and run.epochs:
                done[config.seed] = run
    names, interval = condition_names(list(of_condition)), interval_of(configs)
    reference = next(iter(of_condition.values()), {})
    rows = [
        _row(names[condition], done, asked[condition], reference, interval)
        for condition, done in of_condition.items()
    ]
    return sorted(rows, key=lambda row: -row.accuracy.mean if row.accuracy else 1.0)


def _row(
    name: str,
    done: dict[int, RecordedRun],
    asked: int,
    reference: dict[int, RecordedRun],
    interval: Interval,
) -> Compared:
    """A condition's runs that are done, by seed, of so many that were asked for."""
    shares = [share for run in done.values() if (share := silent_share(run.epochs[-1])) is not None]
    return Compared(
        name,
        _ACCURACY.level(done, interval),
        _FRESH.level(done, interval),
        _LOSS.level(done, interval),
        sum(shares) / len(shares) if shares else None,
        None if done is reference else _ACCURACY.difference(done, reference, interval),
        asked - len(_ACCURACY.values(done)),
        done is reference,
    )


def silent_share(epoch: Mapping[str, Any]) -> float | None:
    """The fraction of units that are silent in an epoch's record, over all sites; None where none count."""
    silent, units = total(epoch["dying"], "silent"), total(epoch["dying"], "units")
    return silent / units if units and silent is not None else None


def row_in_words(row: Compared) -> dict[str, str]:
    """A condition in words and percent, for people: title of a column -> what stands there."""
    return {
        "condition": row.name,
        "n": str(row.accuracy.n if row.accuracy else 0),
        "test accuracy": in_percent(row.accuracy),
        "difference, points": "reference" if row.is_reference else in_points(row.difference),
        "fresh": f"{row.fresh.mean:.2%}" if row.fresh else "-",
        "test loss": f"{row.loss.mean:.4f}" if row.loss else "-",
        "silent": "-" if row.silent is None else f"{row.silent:.1%}",
        "left out": str(row.left_out or "-"),
    }


def in_percent(value: Estimate | None) -> str:
    """``71.2% [69.0, 73.4]``; the interval is left out where one value gives none."""
    return "-" if value is None else _with_interval(value, f"{100 * value.mean:.2f}%", ".2f")


def in_points(value: Estimate | None) -> str:
    """``+1.20 [-0.31, +2.71]``, of a difference of fractions; without an interval as :func:`in_percent`."""
    return "-" if value is None else _with_interval(value, f"{100 * value.mean:+.2f}", "+.2f")


def _with_interval(value: Estimate, mean: str, form: str) -> str:
    if value.low is None or value.high is None:
        return mean
    return f"{mean} [{100 * value.low:{form}}, {100 * value.high:{form}}]"
