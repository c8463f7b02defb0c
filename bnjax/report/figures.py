"""The figures of the dying-ReLU series (Qiita, 2017-05) with our runs: accuracy over dying units."""

import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bnjax.recipes import MNIST_SWEEPS
from bnjax.report.load import RecordedRun
from bnjax.report.mnist import accuracy_percent, flat_units, silent_units, sweep_runs
from bnjax.report.published import MNIST_SAID
from bnjax.report.tables import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which the colour-blind can tell apart (2008), dark ones first.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_DASHED = (0, (4, 1.5))
_DOTS_PER_INCH = 120
Reading = Callable[[dict[str, Any]], float]


def _train_accuracy(epoch: dict[str, Any]) -> float:
    return 100 * epoch["train_accuracy"]


def save_mnist_figures(runs: Sequence[RecordedRun], folder: Path) -> list[Path]:
    """Two PNGs for each comparison that has finished runs: means over seeds, and seed by seed.

    Returns:
      The files.

    Raises:
      OSError: one cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for sweep, conditions in MNIST_SWEEPS.items():
        found = sweep_runs(runs, conditions)
        if len(found) <= len(conditions) // 2:
            continue  # what it shares with another comparison is not worth a figure
        for name, draw in ((sweep, means_figure), (f"{sweep}-seeds", seeds_figure)):
            path = folder / f"mnist-{name}.png"
            draw(sweep, found).savefig(path, dpi=_DOTS_PER_INCH)
            files.append(path)
    return files


def means_figure(sweep: str, found: dict[str, list[RecordedRun]]) -> "Figure":
    """Test accuracy over silent and flat units, a line for each condition: the mean over seeds.

    The band is from the lowest to the highest seed.

    Args:
      found: condition -> runs.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7.2), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for number, (condition, runs) in enumerate(found.items()):
        look = _look(number, condition, found)
        _band(upper, runs, accuracy_percent, look)
        _band(lower, runs, flat_units, look)
    for number, (condition, runs) in enumerate(found.items()):
        colour = _look(number, condition, found)["color"]
        epochs, silent = _readings(runs, silent_units)
        lower.plot(epochs, silent.mean(0), ":", color=colour, linewidth=1)
    upper.set_ylabel("test accuracy, %")
    lower.set_ylabel("dying units: flat updates\n(dotted: silent)")
    lower.set_xlabel("epoch")
    _limits(upper, list(found.values()))
    lower.set_ylim(bottom=-0.5)
    _label_ends(upper, list(found))
    _label_ends(lower, list(found))
    counts = sorted({len(runs) for runs in found.values()})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    upper.set_title(f"Mean and range of n = {n} seeds\n{MNIST_SAID[sweep]}", fontsize=10, loc="left")
    _foot(figure, found)
    return figure


def seeds_figure(sweep: str, found: dict[str, list[RecordedRun]]) -> "Figure":
    """Small multiples: a column for each condition and a line for each seed; accuracy over counts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(6, 2.3 * len(found)), 6.4), layout="constrained")
    panels = figure.subplots(3, len(found), sharex=True, sharey="row", squeeze=False)
    for column, (condition, runs) in zip(panels.T, found.items(), strict=True):
        for number, run in enumerate(runs):
            epochs = [epoch["epoch"] for epoch in run.epochs]
            colour = _COLOURS[number % len(_COLOURS)]
            readings = ((accuracy_percent, "-"), (_train_accuracy, ":"))
            for reading, style in readings:
                column[0].plot(epochs, [reading(e) for e in run.epochs], style, color=colour, linewidth=1)
            label = f"seed {run.run['config']['seed']}"
            for axes, reading in zip(column[1:], (silent_units, flat_units), strict=True):
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
    title = textwrap.fill(MNIST_SAID[sweep], int(14 * figure.get_figwidth()))
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    _foot(figure, found)
    return figure


def _look(number: int, condition: str, found: dict[str, list[RecordedRun]]) -> dict[str, Any]:
    """A colour for what varies; where BN varies too, one colour with and without it, dashed without."""
    if all(name.endswith((", with BN", ", without BN")) for name in found):
        factors = list(dict.fromkeys(name.partition(", ")[0] for name in found))
        number = factors.index(condition.partition(", ")[0])
    dashed = condition.endswith("without BN")
    return {"color": _COLOURS[number % len(_COLOURS)], "linestyle": _DASHED if dashed else "-"}


def _band(axes: "Axes", runs: Sequence[RecordedRun], reading: Reading, look: dict[str, Any]) -> None:
    epochs, values = _readings(runs, reading)
    axes.plot(epochs, values.mean(0), linewidth=1.6, **look)
    axes.fill_between(epochs, values.min(0), values.max(0), color=look["color"], alpha=0.15, linewidth=0)
    axes.grid(alpha=0.25)


def _readings(runs: Sequence[RecordedRun], reading: Reading) -> tuple[np.ndarray, np.ndarray]:
    """The epochs that all runs have, and what is read of them [runs, epochs]."""
    shortest = min(len(run.epochs) for run in runs)
    values = [[reading(epoch) for epoch in run.epochs[:shortest]] for run in runs]
    return np.arange(1, shortest + 1), np.asarray(values)


def _limits(axes: "Axes", groups: Sequence[Sequence[RecordedRun]]) -> None:
    """From what is left out by nobody after the second epoch, so that the first does not flatten the rest."""
    lowest = min(accuracy_percent(e) for runs in groups for run in runs for e in run.epochs[2:] or run.epochs)
    axes.set_ylim(max(0.0, lowest - 0.2), 100.05 if axes.get_ylim()[1] > 99.5 else None)


def _label_ends(axes: "Axes", names: Sequence[str]) -> None:
    """Names beside the ends of the first lines, moved apart where they would cover each other."""
    lines = axes.get_lines()[: len(names)]
    axes.set_xlim(1, max(float(np.asarray(line.get_xdata())[-1]) for line in lines))
    low, high = axes.get_ylim()
    ends = sorted((float(np.asarray(line.get_ydata())[-1]), number) for number, line in enumerate(lines))
    places = _apart([value for value, _ in ends], 0.08 * (high - low), high)
    for (value, number), place in zip(ends, places, strict=True):
        colour = lines[number].get_color()
        axes.annotate(
            names[number],
            (1, value),
            xytext=(1.03, place),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            color=colour,
            fontsize=8,
            va="center",
            annotation_clip=False,
            arrowprops=dict(arrowstyle="-", color=colour, linewidth=0.5, shrinkA=0, shrinkB=0),
        )


def _apart(values: Sequence[float], step: float, highest: float) -> list[float]:
    """Ascending values moved so far that neighbours are a step apart and none is above the highest."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + step) if places else value)
    for number in reversed(range(len(places))):
        places[number] = min(places[number], highest - step * (len(places) - 1 - number))
    return places


def _foot(figure: "Figure", found: dict[str, list[RecordedRun]]) -> None:
    runs = [run for of_condition in found.values() for run in of_condition]
    text = textwrap.fill(provenance(runs), int(26 * figure.get_figwidth()))
    figure.supxlabel(text, fontsize=6, color="#555555", x=0.01, ha="left")
