"""Runs of VGG7 side by side: groups that differ in placement and seed alone, and what is read of a run."""

import dataclasses
import itertools
import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnjax.architectures.vgg7 import VGG7_SITES
from bnjax.report.page.document import numbered, slug
from bnjax.report.runs.recorded import RecordedRun, measured
from bnjax.report.runs.selected import best_first, cut, data_facts, length_told, shared_settings
from bnjax.settings.config import FIELDS
from bnjax.settings.identity import identity
from bnjax.stats.effects import grid_effects, shared_seeds
from bnjax.stats.intervals import Estimate, estimate, paired_differences
from bnjax.studies.vgg7 import VGG7

#: "Early" is the first of this many parts of the epochs.
_EARLY_PARTS = 5
#: "Late" is the last of this many parts.
_LATE_PARTS = 10
#: A leap is a rise to this many times the loss of the epoch before.
_LEAP = 1.2
#: The loss that is early or late reached, as a part of what guessing has.
_OF_CHANCE = 0.8
Metric = Callable[[RecordedRun], float]


def test_losses(run: RecordedRun) -> list[float]:
    """One value an epoch, in nats."""
    return [measured(epoch["test_loss"]) for epoch in run.epochs]


def lowest_loss(run: RecordedRun) -> float:
    """Of all epochs, on the test images, as the published curves show it."""
    return min(test_losses(run))


def final_loss(run: RecordedRun) -> float:
    """After the last epoch."""
    return test_losses(run)[-1]


def overfitting(run: RecordedRun) -> float:
    """How far the test loss has risen from its lowest value to its last one; 0 or more."""
    return final_loss(run) - lowest_loss(run)


def early_loss(run: RecordedRun) -> float:
    """Mean test loss of the first fifth of the epochs, one at least: low where it falls fast."""
    losses = test_losses(run)
    return statistics.fmean(losses[: max(1, len(losses) // _EARLY_PARTS)])


def largest_jump(run: RecordedRun) -> float:
    """The most that the test loss rises from one epoch to the next; 0 if it never does."""
    losses = test_losses(run)
    return max([0.0, *(after - before for before, after in itertools.pairwise(losses))])


def _lowest_epoch(losses: Sequence[float]) -> int:
    """Its place in the list, the first of equal ones."""
    return losses.index(min(losses))


def leaps(run: RecordedRun) -> float:
    """How often the test loss rises by a fifth or more from one epoch to the next, past its lowest value."""
    losses = test_losses(run)
    pairs = itertools.pairwise(losses[_lowest_epoch(losses) :])
    return sum(after >= _LEAP * before for before, after in pairs)


def late_rise(run: RecordedRun) -> float:
    """The median test loss of the last tenth of epochs minus that of the tenth that starts at the lowest."""
    losses = test_losses(run)
    part, lowest = max(1, len(losses) // _LATE_PARTS), _lowest_epoch(losses)
    return statistics.median(losses[-part:]) - statistics.median(losses[lowest : lowest + part])


def epochs_to_loss(run: RecordedRun) -> float:
    """The first epoch whose test loss is at most 0.8 of chance, ln(classes); one more than all if none is."""
    limit = _OF_CHANCE * math.log(run.data["classes"])
    losses = test_losses(run)
    return next((number for number, loss in enumerate(losses, start=1) if loss <= limit), len(losses) + 1)


def best_accuracy(run: RecordedRun) -> float:
    """Of all epochs, in percent."""
    return 100 * max(measured(epoch["test_accuracy"]) for epoch in run.epochs)


def final_accuracy(run: RecordedRun) -> float:
    """After the last epoch, in percent."""
    return 100 * measured(run.epochs[-1]["test_accuracy"])


@dataclass(frozen=True)
class Group:
    """Runs of one length that differ in placement and seed alone.

    Attributes:
      dataset: its name.
      title: what they have in common, for people.
      slug: the same for names of files; no other group has it.
      found: a placement's code -> seed -> run; as good as finished, see :func:`vgg7_groups`.
      left_out: the others.
    """

    dataset: str
    title: str
    slug: str
    found: Mapping[str, Mapping[int, RecordedRun]]
    left_out: Sequence[RecordedRun]

    @property
    def runs(self) -> list[RecordedRun]:
        """All that count."""
        return [run for by_seed in self.found.values() for run in by_seed.values()]

    def values(self, code: str, metric: Metric) -> dict[int, float]:
        """Seed -> what is read of a placement's run; empty where it was not run."""
        return {seed: metric(run) for seed, run in self.found.get(code, {}).items()}

    def difference(self, code: str, reference: str, metric: Metric) -> Estimate | None:
        """What lies between two placements, paired by seed; None where they share no seed."""
        differences = paired_differences(self.values(code, metric), self.values(reference, metric))
        return estimate(differences) if differences else None

    def ranked(self) -> list[str]:
        """Codes, the lowest mean of the lowest test loss first."""
        means = {code: statistics.fmean(self.values(code, lowest_loss).values()) for code in self.found}
        return sorted(means, key=lambda code: (means[code], code))

    def sweep(self, name: str) -> dict[str, list[RecordedRun]]:
        """Condition of a sweep -> its runs by seed; conditions without any are left out."""
        codes = {condition: settings["placement"] for condition, settings in VGG7.sweeps[name].items()}
        return {name: list(self.found[code].values()) for name, code in codes.items() if code in self.found}

    def has_grid(self) -> bool:
        """Whether more than half of all placements before the activation were run."""
        return 2 * len(self.sweep("grid")) > len(VGG7.sweeps["grid"])


def vgg7_groups(runs: Sequence[RecordedRun], epoch: int | None = None) -> list[Group]:
    """Sorts runs into groups by data, number of epochs and every setting but placement and seed.

    Args:
      runs: of VGG7.
      epoch: how many epochs to keep; shorter runs are left out. A run counts if all of its epochs up to there
        have finite losses.
    """
    sorted_runs: dict[str, list[RecordedRun]] = {}
    for run in runs:
        planned = run.config.epochs
        if epoch and planned < epoch:
            continue
        key = json.dumps([epoch or planned, data_facts(run), shared_settings(run)], sort_keys=True)
        sorted_runs.setdefault(key, []).append(cut(run, epoch or planned))
    groups = [_group(key, runs_of_key) for key, runs_of_key in sorted_runs.items()]
    groups.sort(key=lambda group: group.title)
    slugs = numbered(group.slug for group in groups)
    return [dataclasses.replace(group, slug=name) for group, name in zip(groups, slugs, strict=True)]


def _group(key: str, runs: Sequence[RecordedRun]) -> Group:
    epochs, data, settings = json.loads(key)
    whole = [run for run in runs if [e["status"] for e in run.epochs] == ["ok"] * epochs]
    by_placement: dict[str, dict[int, RecordedRun]] = {}
    for run in sorted(best_first(whole), key=lambda run: run.config.seed):
        by_placement.setdefault(run.config.placement, {}).setdefault(run.config.seed, run)
    name = settings.get("recipe", "published")
    apart = _apart_from_recipe(settings, name)
    length = length_told(runs[0].config, epochs)
    told = [
        f"recipe {name}",
        f"{length} epoch{'' if length == '1' else 's'}",
        *(f"{setting} {value}" for setting, value in apart.items()),
    ]
    return Group(
        dataset=data["name"],
        title=f"VGG7 on {data['name']} ({_size(data)}{data['encoding']}), {', '.join(told)}",
        slug=slug(data["name"], name, length, *(f"{s}={value}" for s, value in apart.items())),
        found=by_placement,
        left_out=[run for run in runs if not any(run is other for other in whole)],
    )


def _apart_from_recipe(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The settings that are not the recipe's, but for the data set, whose name is told anyway."""
    usual = identity(VGG7.recipe(name))
    told = {"dataset", "order", "epochs", "placement"}
    both = {f.name: (settings.get(f.name, f.default), usual.get(f.name, f.default)) for f in FIELDS}
    return {name: ours for name, (ours, theirs) in both.items() if ours != theirs and name not in told}


def _size(data: Mapping[str, Any]) -> str:
    shape, count = data["image_shape"], data["train_images"]
    if not shape or not count:
        return ""
    return f"{count:,} images of {shape[0]}x{shape[1]}, "


def site_effects(group: Group, metric: Metric = lowest_loss) -> dict[str, Estimate]:
    """Site -> what a norm before its activation changes, whatever the other sites have.

    The main effects of :func:`bnjax.stats.effects.grid_effects`.
    """
    values = {code: group.values(code, metric) for code in group.found}
    effects = grid_effects(values, VGG7_SITES)
    return {factor[0]: effect for factor, effect in effects.items() if len(factor) == 1}


def effects_left_out(group: Group) -> str:
    """A sentence that names the placements without which effects are told; empty where there are none."""
    in_grid = {code: by_seed for code, by_seed in group.found.items() if code in VGG7.sweeps["grid"]}
    seeds, counted = shared_seeds(in_grid)
    apart = sorted(in_grid.keys() - counted)
    if not apart:
        return ""
    told = ", ".join(map(str, seeds))
    return f"Without {', '.join(apart)}: not run with seed{'s' if len(seeds) > 1 else ''} {told}."
