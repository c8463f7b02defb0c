"""Claims held against records: what was found, how sure it is, and the verdict."""

import dataclasses
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bnjax.report.runs.readings import read
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.runs.selected import best_first, bound_settings, config_of, cut
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config, names_with
from bnjax.settings.fields import Role
from bnjax.stats.intervals import CONFIDENCE, Estimate, estimate
from bnjax.stats.resampling import bootstrap_mean
from bnjax.studies import RECIPES, STUDIES, recipe
from bnjax.studies.claim import Claim, Contrast

Verdict = Literal["supported", "contradicted", "inconclusive", "not run"]
#: What tells the images of one set from those of another.
_DATA = ("name", "version", "encoding", "image_shape", "train_images", "test_images")


@dataclass(frozen=True)
class Found:
    """A contrast and what records say of it.

    Attributes:
      contrast: what was asked.
      estimate: mean over seeds with the 95% interval of Student's t; None where it was not run.
      resampled: the same by the bootstrap.
      verdict: of this contrast alone.
      size_met: whether the interval reaches into the published size; None where there is none or no interval.
      runs: those of its conditions whose seeds have all of them.
    """

    contrast: Contrast
    estimate: Estimate | None = None
    resampled: Estimate | None = None
    verdict: Verdict = "not run"
    size_met: bool | None = None
    runs: Sequence[RecordedRun] = ()


@dataclass(frozen=True)
class Judgement:
    """A claim under one recipe, on one data set and number of epochs.

    Attributes:
      claim: what was said.
      recipe: published or controlled.
      setting: data set and number of epochs; empty where nothing was run.
      found: its contrasts.
      verdict: of the claim: all contrasts hold, one is contradicted, or neither.
      runs: those that count, whether their seeds have every condition of a contrast or not.
      left_out: why -> how many runs of its conditions do not count.
    """

    claim: Claim
    recipe: str
    found: tuple[Found, ...]
    verdict: Verdict
    setting: str = ""
    runs: Sequence[RecordedRun] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Cell:
    """Runs on one data set, of one number of epochs: condition -> seed -> run."""

    data: Mapping[str, Any]
    epochs: int
    found: dict[str, dict[int, RecordedRun]] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def add(self, condition: str, run: RecordedRun) -> None:
        by_seed, seed = self.found.setdefault(condition, {}), run.run["config"]["seed"]
        why = "repeated" if seed in by_seed else why_not_whole(run, self.epochs)
        if why:
            self.left_out[why] = self.left_out.get(why, 0) + 1
        else:
            by_seed[seed] = cut(run, self.epochs)


def why_not_whole(run: RecordedRun, epochs: int) -> str:
    """Shorter, diverged or interrupted, if a run lacks so many epochs with finite losses; else empty."""
    if run.run["config"]["epochs"] < epochs:
        return "shorter"
    statuses = [epoch["status"] for epoch in run.epochs[:epochs]]
    if statuses == ["ok"] * epochs:
        return ""
    ended = run.summary["status"] if run.summary else ""
    return "diverged" if "diverged" in (*statuses, ended) else "interrupted"


class Shelf:
    """Runs by their settings, whatever their data set, seed and number of epochs."""

    def __init__(self, runs: Iterable[RecordedRun], epoch: int | None = None):
        """Sorts the runs.

        Args:
          runs: of all experiments.
          epoch: cut all runs to so many epochs; those that planned fewer are passed over.
        """
        self._epoch = epoch
        self._runs: dict[str, list[RecordedRun]] = {}
        for run in runs:
            self._runs.setdefault(_key(config_of(run)), []).append(run)

    def judge(self, claim: Claim, recipe_name: str) -> list[Judgement]:
        """One judgement for each data set and number of epochs, what answers most first; one at least."""
        nothing = Judgement(claim, recipe_name, tuple(map(Found, claim.contrasts)), "not run")
        if claim.source not in STUDIES or not claim.contrasts:
            return [nothing]
        base = recipe(claim.source, recipe_name)
        cells = self._cells(claim, base)
        if claim.dataset:
            cells = [cell for cell in cells if cell.data["name"] == claim.dataset]
        judged = [_judged(claim, recipe_name, cell) for cell in cells]
        weights = [(cell.data["name"] == base.dataset, cell.epochs) for cell in cells]
        order = sorted(
            range(len(cells)), key=lambda i: (_answered(judged[i]), weights[i], len(judged[i].runs))
        )
        return [judged[number] for number in reversed(order)] or [nothing]

    def _cells(self, claim: Claim, base: Config) -> list[_Cell]:
        cells: dict[str, _Cell] = {}
        asked = {condition for contrast in claim.contrasts for condition in contrast.weights}
        for condition in asked:
            config = dataclasses.replace(base, **claim.conditions[condition])
            for run in best_first(self._runs.get(_key(resolve(config)), [])):
                planned = run.run["config"]["epochs"]
                if self._epoch and planned < self._epoch:
                    continue
                epochs, data = self._epoch or planned, {name: run.run["data"].get(name) for name in _DATA}
                data["classes"] = config_of(run).classes
                cell = cells.setdefault(json.dumps([epochs, data]), _Cell(data, epochs))
                cell.add(condition, run)
        return list(cells.values())


def judge_all(
    claims: Iterable[Claim], runs: Iterable[RecordedRun], epoch: int | None = None
) -> list[dict[str, list[Judgement]]]:
    """For every claim: recipe -> its judgements, what answers most first.

    Args:
      claims: in the order of the answer.
      runs: of all experiments.
      epoch: cut all runs to so many epochs.
    """
    shelf = Shelf(runs, epoch)
    return [{name: shelf.judge(claim, name) for name in RECIPES} for claim in claims]


def _key(config: Config) -> str:
    of_data = names_with(Role.DATA)  # with validation: a folder may bring images of its own for it
    settings = {name: value for name, value in bound_settings(config).items() if name not in of_data}
    return json.dumps(settings, sort_keys=True)


def _answered(judgement: Judgement) -> int:
    return sum(found.estimate is not None for found in judgement.found)


def _judged(claim: Claim, recipe_name: str, cell: _Cell) -> Judgement:
    found = tuple(_found(contrast, cell, len(claim.contrasts)) for contrast in claim.contrasts)
    classes = f"classes {cell.data['classes']}, " if cell.data["classes"] else ""
    size = " of {}x{}".format(*cell.data["image_shape"]) if cell.data["image_shape"] else ""
    images = f"{cell.data['train_images']:,} images{size}, " if cell.data["train_images"] else ""
    epochs = f"{cell.epochs} epoch{'s' if cell.epochs > 1 else ''}"
    return Judgement(
        claim,
        recipe_name,
        found,
        verdict_of_all([one.verdict for one in found]),
        f"{cell.data['name']} ({classes}{images}{cell.data['encoding']}), {epochs}",
        [run for by_seed in cell.found.values() for run in by_seed.values()],
        cell.left_out,
    )


def _found(contrast: Contrast, cell: _Cell, comparisons: int) -> Found:
    by_seed = contrast_values(contrast, cell.found)
    if not by_seed:
        return Found(contrast)
    runs = [cell.found[condition][seed] for condition in contrast.weights for seed in by_seed]
    values = list(by_seed.values())
    ours = estimate(values)
    verdict = verdict_of(contrast, values, comparisons)
    met = None
    if contrast.size and ours.low is not None and ours.high is not None:
        met = ours.low <= contrast.size[1] and ours.high >= contrast.size[0]
    return Found(contrast, ours, bootstrap_mean(values), verdict, met, runs)


def contrast_values(contrast: Contrast, found: Mapping[str, Mapping[int, RecordedRun]]) -> dict[int, float]:
    """Seed -> the weighted sum, of each that has every condition, in their order; empty where none has."""
    readings: list[tuple[float, dict[int, float]]] = []
    for condition, weight in contrast.weights.items():
        of_seed = {seed: read(contrast.reading, run) for seed, run in found.get(condition, {}).items()}
        readings.append((weight, {seed: value for seed, value in of_seed.items() if value is not None}))
    seeds = set.intersection(*(set(values) for _, values in readings))
    return {seed: sum(weight * values[seed] for weight, values in readings) for seed in sorted(seeds)}


def verdict_of(contrast: Contrast, values: Sequence[float], comparisons: int = 1) -> Verdict:
    """Whether a contrast holds.

    It is supported if its 95% interval lies wholly where it was expected: a claim that needs several
    contrasts needs them all, which makes nothing easier. It is contradicted if an interval lies wholly
    elsewhere that is as wide as the number of contrasts asks for (Bonferroni), since one that fails is
    enough. One seed decides nothing.
    """
    if len(values) < 2:
        return "inconclusive" if values else "not run"
    low, high = _expected_range(contrast)
    ours, wide = estimate(values), estimate(values, 1 - (1 - CONFIDENCE) / comparisons)
    strict = contrast.expected in ("lower", "higher")
    inside = ours.low > low and ours.high < high  # type: ignore[operator]  # two values have an interval
    outside = wide.low > high or wide.high < low  # type: ignore[operator]
    same = strict and statistics.fmean(values) == contrast.against and ours.low == ours.high
    return "supported" if inside else "contradicted" if outside or same else "inconclusive"


def _expected_range(contrast: Contrast) -> tuple[float, float]:
    infinity, against, margin = float("inf"), contrast.against, contrast.margin
    return {
        "lower": (-infinity, against),
        "higher": (against, infinity),
        "alike": (against - margin, against + margin),
        "not lower": (against - margin, infinity),
        "not higher": (-infinity, against + margin),
    }[contrast.expected]


def verdict_of_all(verdicts: Sequence[Verdict]) -> Verdict:
    """A claim's: not run where none of its contrasts was, and inconclusive where some were not."""
    if not verdicts or set(verdicts) == {"not run"}:
        return "not run"
    if "contradicted" in verdicts:
        return "contradicted"
    return "supported" if set(verdicts) == {"supported"} else "inconclusive"
