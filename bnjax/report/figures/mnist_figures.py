"""The figures of the dying-ReLU series (Qiita, 2017-05) with our runs: accuracy over dying units."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bnjax.report.figures.plots import (
    COLOURS,
    DASHED,
    band,
    foot,
    headline,
    label_ends,
    new_figure,
    readings,
    seeds_told,
)
from bnjax.report.runs.recorded import RecordedRun, measured
from bnjax.report.sections.mnist import accuracy_percent, flat_units, silent_count
from bnjax.schema import EpochRecord
from bnjax.studies.mnist import MNIST

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Where no unit dies, the axis still goes as far.
_FEW_UNITS = 5.0


def _train_accuracy(epoch: EpochRecord) -> float:
    return 100 * measured(epoch["train_accuracy"])


def means_figure(sweep: str, found: dict[str, list[RecordedRun]]) -> "Figure":
    """Test accuracy over silent and flat units, a line for each condition: the mean over seeds.

    The band is from the lowest to the highest seed.

    Args:
      found: condition -> runs.
    """
    figure = new_figure(9, 7.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for number, (condition, runs) in enumerate(found.items()):
        look = _look(number, condition, found)
        band(upper, runs, accuracy_percent, look)
        band(lower, runs, flat_units, look)
    for number, (condition, runs) in enumerate(found.items()):
        colour = _look(number, condition, found)["color"]
        epochs, silent = readings(runs, silent_count)
        lower.plot(epochs, silent.mean(0), ":", color=colour, linewidth=1)
    upper.set_ylabel("test accuracy, %")
    lower.set_ylabel("dying units: flat updates\n(dotted: silent)")
    lower.set_xlabel("epoch")
    _limits(upper, list(found.values()))
    lower.set_ylim(-0.5, max(_FEW_UNITS, lower.get_ylim()[1]))
    label_ends(upper, list(found))
    label_ends(lower, list(found))
    headline(figure, f"{seeds_told(found.values())}\n{MNIST.said[sweep]}")
    foot(figure, [run for of_condition in found.values() for run in of_condition])
    return figure


def seeds_figure(sweep: str, found: dict[str, list[RecordedRun]]) -> "Figure":
    """Small multiples: a column for each condition and a line for each seed; accuracy over counts."""
    figure = new_figure(max(6, 2.3 * len(found)), 6.4)
    panels = figure.subplots(3, len(found), sharex=True, sharey="row", squeeze=False)
    for column, (condition, runs) in zip(panels.T, found.items(), strict=True):
        for number, run in enumerate(runs):
            epochs = [epoch["epoch"] for epoch in run.epochs]
            colour = COLOURS[number % len(COLOURS)]
            for reading, style in ((accuracy_percent, "-"), (_train_accuracy, ":")):
                column[0].plot(epochs, [reading(e) for e in run.epochs], style, color=colour, linewidth=1)
            label = f"seed {run.config.seed}"
            for axes, reading in zip(column[1:], (silent_count, flat_units), strict=True):
                axes.plot(epochs, [reading(e) for e in run.epochs], color=colour, linewidth=1, label=label)
        column[0].set_title(condition.replace(", ", "\n"), fontsize=9)
        column[2].set_xlabel("epoch", fontsize=9)
    for axes, label in zip(
        panels[:, 0], ("accuracy, %\n(dotted: training)", "silent units", "flat units"), strict=True
    ):
        axes.set_ylabel(label, fontsize=9)
    _limits(panels[0, 0], list(found.values()))
    for axes in panels.ravel():
        axes.grid(alpha=0.25)
        axes.tick_params(labelsize=8)
    panels[1, 0].set_ylim(bottom=-0.5)
    panels[2, 0].set_ylim(bottom=-0.5)
    panels[1, 0].legend(fontsize=7, framealpha=0.6)
    headline(figure, MNIST.said[sweep])
    foot(figure, [run for of_condition in found.values() for run in of_condition])
    return figure


def _look(number: int, condition: str, found: dict[str, list[RecordedRun]]) -> dict[str, Any]:
    """A colour for what varies; where BN varies too, one colour with and without it, dashed without."""
    if all(name.endswith((", with BN", ", without BN")) for name in found):
        factors = list(dict.fromkeys(name.partition(", ")[0] for name in found))
        number = factors.index(condition.partition(", ")[0])
    dashed = condition.endswith("without BN")
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHED if dashed else "-"}


def _limits(axes: "Axes", groups: Sequence[Sequence[RecordedRun]]) -> None:
    """From what is left out by nobody after the second epoch, so that the first does not flatten the rest."""
    lowest = min(accuracy_percent(e) for runs in groups for run in runs for e in run.epochs[2:] or run.epochs)
    axes.set_ylim(max(0.0, lowest - 0.2), 100.05 if axes.get_ylim()[1] > 99.5 else None)
