"""Which of the recorded runs belong to a condition."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from bnjax.report.runs.recorded import RecordedRun, config_of_record
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.identity import identity

#: What runs of one condition may differ in.
_FREE = {"seed", "epochs"}


def runs_of(runs: Sequence[RecordedRun], condition: Config) -> list[RecordedRun]:
    """All runs of a condition, whatever their seed and number of epochs."""
    wanted = bound_settings(resolve(condition))
    return [run for run in runs if bound_settings(config_of(run)) == wanted]


def shared_settings(run: RecordedRun) -> dict[str, Any]:
    """The settings that a run has in common with those of other placements, seeds and numbers of epochs."""
    return {name: value for name, value in bound_settings(config_of(run)).items() if name != "placement"}


def first_epochs(runs: Sequence[RecordedRun], epochs: int) -> list[RecordedRun]:
    """Runs cut to their first epochs, as if all had been that long; shorter ones are left out.

    A run's first epochs do not depend on how many follow.
    """
    return [dataclasses.replace(run, epochs=run.epochs[:epochs]) for run in runs if len(run.epochs) >= epochs]


def bound_settings(config: Config) -> dict[str, Any]:
    """The settings that tell one condition from another, without seed and number of epochs."""
    return {name: value for name, value in identity(config).items() if name not in _FREE}


def config_of(run: RecordedRun) -> Config:
    """The settings of a run; those that an earlier bnjax did not have are at their defaults."""
    return config_of_record(run.run)


def best_first(runs: Iterable[RecordedRun]) -> list[RecordedRun]:
    """The same runs, so that the first one of a condition and seed is the one that counts."""
    return sorted(runs, key=lambda run: run.rank, reverse=True)
