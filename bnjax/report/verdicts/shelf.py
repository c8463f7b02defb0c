"""Runs by their settings, so that every claim finds those that answer it."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import best_first, bound_settings, data_facts
from bnjax.report.verdicts.cell import Cell
from bnjax.report.verdicts.judgement import Found, Judgement, judged
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config, names_with
from bnjax.settings.fields import Role
from bnjax.stats import Interval
from bnjax.studies import RECIPES, STUDIES, recipe
from bnjax.studies.claim import Claim, Data


class Shelf:
    """Runs by their settings, whatever their data set, seed and number of epochs."""

    def __init__(
        self, runs: Iterable[RecordedRun], epoch: int | None = None, interval: Interval | None = None
    ):
        """Sorts the runs.

        Args:
          runs: of all experiments.
          epoch: how many epochs to keep of all runs; those that planned fewer are passed over.
          interval: what verdicts rest on; None: what the runs say of how their number came about.
        """
        self._epoch, self._interval = epoch, interval
        self._runs: dict[str, list[RecordedRun]] = {}
        for run in runs:
            self._runs.setdefault(_key(run.config, unnamed_settings(run.study)), []).append(run)

    def judge(self, claim: Claim, recipe_name: str) -> list[Judgement]:
        """One judgement for each data set and number of epochs, one at least.

        On its own data first; of several the one with enough epochs that answers most of its contrasts, then
        the longest.
        """
        nothing = Judgement(claim, recipe_name, tuple(map(Found, claim.contrasts)))
        if claim.tested_by not in STUDIES or not claim.contrasts:
            return [nothing]
        cells = self._cells(claim, recipe(claim.tested_by, recipe_name))
        found = [
            judged(claim, recipe_name, cell, _told(cell), _is_its_data(claim, cell), self._interval)
            for cell in sorted(cells, key=lambda cell: (-cell.epochs, -len(cell.runs)))
        ]
        return sorted(found, key=_rank) or [nothing]

    def _cells(self, claim: Claim, base: Config) -> list[Cell]:
        cells: dict[str, Cell] = {}
        spanned = _spanned(claim)
        asked = dict.fromkeys(name for contrast in claim.contrasts for name in contrast.weights)
        for condition in asked:  # in one order, so that ties are broken alike in every process
            config = resolve(dataclasses.replace(base, **claim.conditions[condition]))
            for run in best_first(self._runs.get(_key(config, unnamed_settings(claim.tested_by)), [])):
                ran = run.config
                if (self._epoch and ran.epochs < self._epoch) or not _same_data(ran, config, claim):
                    continue
                epochs, data = self._epoch or ran.epochs, _data_of(run, ran, spanned)
                data |= {name: getattr(ran, name) for name in unnamed_settings(claim.tested_by)}
                key = json.dumps([epochs, data])
                cells.setdefault(key, Cell(data, epochs)).add(condition, run)
        return list(cells.values())


def judge_all(
    claims: Iterable[Claim], runs: Iterable[RecordedRun], epoch: int | None = None
) -> list[dict[str, list[Judgement]]]:
    """For every claim: recipe -> its judgements, the one that counts first.

    Args:
      claims: in the order of the answer.
      runs: of all experiments.
      epoch: how many epochs to keep of all runs.
    """
    shelf = Shelf(runs, epoch)
    return [{name: shelf.judge(claim, name) for name in RECIPES} for claim in claims]


def data_of_claim(claim: Claim) -> Data:
    """What it was said of: its own data, or that of the study that tests it."""
    return claim.data or STUDIES[claim.tested_by].data


def _rank(judgement: Judgement) -> tuple[bool, bool, int]:
    answered = sum(contrast.estimate is not None for contrast in judgement.found)
    return not judgement.on_its_data, judgement.verdict == "cannot tell", -answered


def unnamed_settings(study: str) -> tuple[str, ...]:
    """The settings in which runs may differ from a study's recipe and answer its claims all the same."""
    return STUDIES[study].unnamed if study in STUDIES else ()


def _key(config: Config, unnamed: Sequence[str] = ()) -> str:
    of_data = names_with(Role.DATA)  # with validation: a folder may bring images of its own for it
    settings = {name: value for name, value in bound_settings(config).items() if name not in of_data}
    settings |= {name: getattr(config, name) != "none" for name in unnamed}
    return json.dumps(settings, sort_keys=True)


def _spanned(claim: Claim) -> set[str]:
    """The settings of the data in which a claim's own conditions differ."""
    return {name for settings in claim.conditions.values() for name in settings} & set(names_with(Role.DATA))


def answers(ran: Config, asked: Config, claim: Claim) -> bool:
    """Whether runs of the one are of a claim's condition that asks for the other, on whatever data."""
    free = unnamed_settings(claim.tested_by)
    return _same_data(ran, asked, claim) and _key(ran, free) == _key(asked, free)


def _same_data(ran: Config, asked: Config, claim: Claim) -> bool:
    """In what the claim's own conditions say of the data."""
    return all(getattr(ran, name) == getattr(asked, name) for name in _spanned(claim))


def _data_of(run: RecordedRun, config: Config, spanned: set[str]) -> dict[str, Any]:
    """What tells the images from others, but for what the claim's own conditions vary."""
    data = {name: fact for name, fact in data_facts(run).items() if name not in spanned}
    whole = not config.train_images or "train_images" in spanned
    return {**data, "classes": config.classes, "whole": whole and not config.classes}


def _is_its_data(claim: Claim, cell: Cell) -> bool:
    data, shape = cell.data, cell.data["image_shape"]
    size = min(shape[:2]) if shape else None
    told = (data["name"], data.get("train_images"), data["whole"], size)
    return data_of_claim(claim).holds(*told, all_classes=not data["classes"])


def _told(cell: Cell) -> str:
    data: Mapping[str, Any] = cell.data
    classes = f"classes {data['classes']}, " if data["classes"] else ""
    size = " of {}x{}".format(*data["image_shape"]) if data["image_shape"] else ""
    images = f"{data['train_images']:,} images{size}, " if data.get("train_images") else ""
    epochs = f"{cell.epochs} epoch{'s' if cell.epochs > 1 else ''}"
    started = f", from {PurePath(weights).name}" if (weights := data.get("weights", "none")) != "none" else ""
    return f"{data['name']} ({classes}{images}{data['encoding']}){started}, {epochs}"
