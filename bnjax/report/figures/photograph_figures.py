"""Figures of the experiments on photographs: norms before or after, and trained or frozen."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnjax.report.figures.plots import (
    COLOURS,
    DASHED,
    band,
    foot,
    headline,
    label_ends,
    new_figure,
    seeds_told,
)
from bnjax.report.page.document import numbered, slug
from bnjax.report.runs.recorded import RecordedRun, measured, of_study
from bnjax.report.runs.selected import bound_settings, length_told
from bnjax.report.sections.mnist import finished
from bnjax.schema import EpochRecord
from bnjax.settings.canonical import resolve
from bnjax.studies import Conditions, Study
from bnjax.studies.finetune import FINETUNE
from bnjax.studies.mobilenet import MOBILENET

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class SweepComparison:
    """Runs of one sweep that differ in its factors and seeds alone.

    Attributes:
      study, sweep: whose they are, and the sweep's name.
      name: those two and the data set's, for files; a number where others have the same.
      title: data, network and number of epochs, for people.
      found: condition -> runs by seed.
    """

    study: Study
    sweep: str
    name: str
    title: str
    found: Mapping[str, Sequence[RecordedRun]]


def comparisons(runs: Sequence[RecordedRun]) -> Iterator[SweepComparison]:
    """The sweeps of both experiments of which more than half of the conditions were run.

    Args:
      runs: of any experiment; those of MobileNetV2 with nothing frozen, and those with a frozen part, count.
    """
    compared = list(_compared(runs))
    for comparison, name in zip(compared, numbered(each.name for each in compared), strict=True):
        yield dataclasses.replace(comparison, name=name)


def _compared(runs: Sequence[RecordedRun]) -> Iterator[SweepComparison]:
    for study in (MOBILENET, FINETUNE):
        alike: dict[str, list[RecordedRun]] = {}
        for run in of_study(finished(runs), study.name):
            alike.setdefault(_common(run, _factors(study)), []).append(run)
        for _, group in sorted(alike.items()):
            for sweep, conditions in study.sweeps.items():
                runs_by_condition = _by_condition(group, study, conditions)
                if 2 * len(runs_by_condition) > len(conditions):
                    name = slug(study.name, sweep, group[0].data["name"])
                    yield SweepComparison(study, sweep, name, _title(group[0]), runs_by_condition)


def _factors(study: Study) -> set[str]:
    """What its sweeps vary."""
    conditions = [settings for sweep in study.sweeps.values() for settings in sweep.values()]
    return {name for settings in conditions for name in settings}


def _common(run: RecordedRun, factors: Collection[str]) -> str:
    """What runs share that are compared: data, epochs and every setting but the factors and the seed."""
    settings = {name: value for name, value in bound_settings(run.config).items() if name not in factors}
    data = run.data
    return repr((data["name"], data.get("version"), len(run.epochs), sorted(settings.items())))


def _by_condition(
    runs: Sequence[RecordedRun], study: Study, conditions: Conditions
) -> dict[str, list[RecordedRun]]:
    runs_by_name: dict[str, list[RecordedRun]] = {}
    for name, settings in conditions.items():
        wanted = _factors_of(study, settings)
        same = [run for run in runs if all(getattr(run.config, key) == wanted[key] for key in wanted)]
        if same:
            runs_by_name[name] = sorted(same, key=lambda run: run.config.seed)
    return runs_by_name


def _factors_of(study: Study, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The factors' values as they are recorded; a placement as its code."""
    config = resolve(dataclasses.replace(study.published, **settings))
    return {name: getattr(config, name) for name in _factors(study)}


def _title(run: RecordedRun) -> str:
    config, data = run.config, run.data
    source = f" from {config.pretrain or config.weights}" if config.freeze_until else ""
    images = f"{data['name']} ({data['train_images']:,} images, {data['encoding']})"
    return f"{config.model}{source}, {images}, {length_told(config, len(run.epochs))} epochs"


def held_out_loss(epoch: EpochRecord) -> float:
    """On the validation images where there are any, else on the test images, in nats."""
    loss = epoch["validation_loss"]
    return measured(epoch["test_loss"]) if loss is None else loss


def _test_accuracy(epoch: EpochRecord) -> float:
    return 100 * measured(epoch["test_accuracy"])


def _gap(epoch: EpochRecord) -> float:
    return measured(epoch["train_evaluation_loss"]) - measured(epoch["train_loss"])


def comparison_figure(comparison: SweepComparison) -> "Figure":
    """Held-out loss over epochs; below it the accuracy, or the gap where training images were evaluated too.

    The gap is the loss of the training images in evaluation mode minus that in training mode, as trained.
    """
    figure = new_figure(9, 7.2)
    upper, lower = figure.subplots(2, 1, sharex=True)
    runs = [run for of_condition in comparison.found.values() for run in of_condition]
    gaps = all(epoch.get("train_evaluation_loss") is not None for run in runs for epoch in run.epochs)
    firsts = list(dict.fromkeys(condition.partition(", ")[0] for condition in comparison.found))
    for condition, of_condition in comparison.found.items():
        colour = COLOURS[firsts.index(condition.partition(", ")[0]) % len(COLOURS)]
        dashed = condition.endswith(("affine frozen", "without biases"))
        look = {"color": colour, "linestyle": DASHED if dashed else "-"}
        band(upper, of_condition, held_out_loss, look)
        band(lower, of_condition, _gap if gaps else _test_accuracy, look)
    validated = all(epoch["validation_loss"] is not None for run in runs for epoch in run.epochs)
    upper.set_ylabel(f"{'validation' if validated else 'test'} loss, nats")
    lower.set_ylabel("training images, nats:\nevaluation minus training mode" if gaps else "test accuracy, %")
    lower.set_xlabel("epoch")
    for axes in (upper, lower):
        label_ends(axes, list(comparison.found))
    said = "; ".join(comparison.study.said.values())
    headline(figure, f"{comparison.title}\n{seeds_told(comparison.found.values())}; {said}")
    foot(figure, runs)
    return figure
