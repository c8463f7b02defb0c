"""Runs that can be compared, and what tells their conditions apart."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import best_first, data_facts, length_told
from bnjax.settings.config import Config, names_with
from bnjax.settings.fields import Role
from bnjax.settings.identity import identity
from bnjax.studies.naming import condition_names, usual_settings, varied_settings
from bnjax.studies.typed import base_of, typed_placement

#: Runs that differ in one of these are no pairs: they share neither initial weights nor the images' order.
_APART = ("model", "recipe")
#: Told by a comparison itself, by the facts of its data or by its study.
_TOLD = {*_APART, "dataset", "order", *names_with(Role.REPEAT)}


@dataclass(frozen=True)
class Comparison:
    """Runs of one network, recipe and length on the same data.

    Attributes:
      study: the name of theirs; empty where there is none.
      model, recipe: what all share.
      data: facts of the data set, as records hold them.
      epochs: how many count of each run.
      shared: the other settings that all have in common and that are not the defaults.
      unnamed: the settings that only some conditions name -> what the others have.
      conditions: name -> its runs, of each seed the one that counts first. Conditions without norms come
        first, and of one placement those with the recipe's own settings.
    """

    study: str
    model: str
    recipe: str
    data: Mapping[str, Any]
    epochs: int
    shared: Mapping[str, Any]
    unnamed: Mapping[str, Any]
    conditions: Mapping[str, Sequence[RecordedRun]]

    @property
    def order(self) -> str:
        """Where the norms of placements stand that name no order."""
        return base_of(self.study, self.recipe).order

    @property
    def runs(self) -> list[RecordedRun]:
        """All of its runs, whether they count or not."""
        return [run for runs in self.conditions.values() for run in runs]

    @property
    def title(self) -> str:
        """What all have in common, in short."""
        recipe = "" if self.recipe == Config.recipe else f", recipe {self.recipe}"
        length = f"{self.epochs} epoch{'' if self.epochs == 1 else 's'}"
        return f"{self.model} on {self.data['name']}, {length}{recipe}"


def comparisons_of(runs: Iterable[RecordedRun], epoch: int | None = None) -> list[Comparison]:
    """Sorts runs into comparisons, the one with the newest run first.

    Args:
      runs: of any experiment.
      epoch: the last that counts; None: all, and runs of another length are compared apart.
    """
    groups: dict[str, list[RecordedRun]] = {}
    for run in best_first(runs):
        groups.setdefault(json.dumps(_common(run, epoch), sort_keys=True), []).append(run)
    comparisons = sorted(
        (_comparison(group, epoch) for group in groups.values()), key=lambda each: each.title
    )
    return sorted(comparisons, key=lambda each: max(run.started for run in each.runs), reverse=True)


def _common(run: RecordedRun, epoch: int | None) -> list[Any]:
    config = run.config
    apart = {name: getattr(config, name) for name in _APART}
    return [run.study, epoch or config.epochs, data_facts(run), apart]


def _comparison(runs: Sequence[RecordedRun], epoch: int | None) -> Comparison:
    study, epochs, data, settings = _common(runs[0], epoch)
    names = condition_names([run.config for run in runs], _TOLD)
    conditions: dict[str, list[RecordedRun]] = {}
    for run in runs:
        conditions.setdefault(names[run.config] + _length(run, epochs), []).append(run)
    usual = _usual(runs)
    ranks = {name: _rank(of_name[0], usual) for name, of_name in conditions.items()}
    return Comparison(
        study=study,
        model=settings["model"],
        recipe=settings["recipe"],
        data=data,
        epochs=epochs,
        shared=_shared(runs),
        unnamed=usual,
        conditions={name: conditions[name] for name in sorted(conditions, key=lambda name: ranks[name])},
    )


def _rank(run: RecordedRun, usual: Mapping[str, Any]) -> tuple[Any, ...]:
    """What conditions are sorted by: see :class:`Comparison`; numbers by their size."""
    placement, config = typed_placement(run.config), run.config
    values = [(getattr(config, name) != value, getattr(config, name)) for name, value in usual.items()]
    return placement != "none", placement, values


def _length(run: RecordedRun, epochs: int) -> str:
    """A part of a condition's name, where a run's first epochs depend on how many follow."""
    told = length_told(run.config, epochs)
    return f", {told} epochs" if told != str(epochs) else ""


def _usual(runs: Sequence[RecordedRun]) -> dict[str, Any]:
    """The settings that some runs differ in, but for the placement -> what the recipe says of them."""
    usual = usual_settings(runs[0].config)
    return {name: usual[name] for name in varied_settings([run.config for run in runs], _TOLD)}


def _shared(runs: Sequence[RecordedRun]) -> dict[str, Any]:
    """Settings other than the defaults that all have, but for those that a comparison names by itself."""
    first, *others = [identity(run.config) for run in runs]
    apart = {*_TOLD, "placement"}
    return {
        name: value
        for name, value in first.items()
        if name not in apart and all(other.get(name) == value for other in others)
    }
