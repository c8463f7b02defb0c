"""Which of the recorded runs belong to a condition."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from bnjax.report.runs.recorded import RecordedRun
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config, names_with
from bnjax.settings.fields import Role
from bnjax.settings.identity import identity
from bnjax.stats import ANY_TIME, FOUR_LOOKS, STUDENT, Interval

#: What tells the images of one set from those of another, in records.
DATA_FACTS = ("name", "version", "encoding", "image_shape", "train_images", "test_images", "classes")


def data_facts(run: RecordedRun) -> dict[str, Any]:
    """Which images a run had."""
    return {name: run.data.get(name) for name in DATA_FACTS}


def runs_of(runs: Sequence[RecordedRun], condition: Config) -> list[RecordedRun]:
    """All runs of a condition, whatever their seed and number of epochs."""
    wanted = bound_settings(resolve(condition))
    return [run for run in runs if bound_settings(run.config) == wanted]


def shared_settings(run: RecordedRun) -> dict[str, Any]:
    """The settings that a run has in common with those of other placements, seeds and numbers of epochs."""
    return {name: value for name, value in bound_settings(run.config).items() if name != "placement"}


def first_epochs(runs: Sequence[RecordedRun], epochs: int) -> list[RecordedRun]:
    """Runs cut to their first epochs, as if all had been that long; shorter ones are left out.

    Where a run's first epochs depend on how many follow, :func:`bound_settings` keeps it apart.
    """
    return [cut(run, epochs) for run in runs if len(run.epochs) >= epochs]


def cut(run: RecordedRun, epochs: int) -> RecordedRun:
    """A run's first epochs."""
    return dataclasses.replace(run, epochs=run.epochs[:epochs])


def bound_settings(config: Config) -> dict[str, Any]:
    """The settings that tell one condition from another, without seed and number of epochs.

    The number of epochs is among them where a run's first epochs depend on it.
    """
    free = set(names_with(Role.REPEAT)) - ({"epochs"} if config.first_epochs_depend_on_all else set())
    return {name: value for name, value in identity(config).items() if name not in free}


def length_told(config: Config, epochs: int) -> str:
    """A run's number of epochs; ``5 of 10`` where it was cut and its first ones depend on how many follow."""
    apart = config.first_epochs_depend_on_all and epochs != config.epochs
    return f"{epochs} of {config.epochs}" if apart else str(epochs)


def interval_of(configs: Iterable[Config]) -> Interval:
    """That of means of such runs: where seeds were added after looks, one that holds whenever these were."""
    asked = {config.until for config in configs}
    return ANY_TIME if "decided" in asked else FOUR_LOOKS if "looks" in asked else STUDENT


def best_first(runs: Iterable[RecordedRun]) -> list[RecordedRun]:
    """The same runs, so that the first one of a condition and seed is the one that counts."""
    return sorted(runs, key=lambda run: run.rank, reverse=True)
