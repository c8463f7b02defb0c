"""Figures of any runs: every condition's last accuracy and loss as dots, and their curves over epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnjax.report.figures.plots import (
    COLOURS,
    DASHED,
    GRAY,
    band,
    folded,
    foot,
    headline,
    label_ends,
    readings,
    seeds_told,
    two_panels,
)
from bnjax.report.runs.recorded import RecordedRun, measured
from bnjax.report.sections.measures import MEASURES, Measure
from bnjax.report.sections.side_by_side import Counted
from bnjax.schema import EpochRecord
from bnjax.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SHOWN = ("test accuracy", "test loss")
_FRESH = " (fresh)"
_BY_NAME: Mapping[str, Measure] = {measure.name: measure for measure in MEASURES}


def dots_figure(counted: Counted) -> "Figure":
    """A row for each condition: a dot for each seed, the mean with its 95% interval, for accuracy and loss.

    Hollow marks are the readings through fresh statistics, where there are any.
    """
    found = counted.with_runs
    figure, panels = two_panels(1.9 + 0.32 * len(found), shared="y")
    for axes, name in zip(panels, _SHOWN, strict=True):
        axes.set_yticks(range(len(found)), [folded(figure, each) for each in found], fontsize=8.5)
        axes.set_ylim(len(found) - 0.5, -0.5)
        _dots(axes, found, counted, name)
    seeds = seeds_told([list(by_seed.values()) for by_seed in found.values()])
    told = seeds.replace("Mean and range", "Dots: seeds; marks: mean and 95% interval")
    hollow = (
        "; hollow: fresh statistics" if any(one.name.endswith(_FRESH) for one in counted.measures) else ""
    )
    headline(figure, f"{counted.comparison.title}\n{told}{hollow}")
    foot(figure, [run for by_seed in found.values() for run in by_seed.values()])
    return figure


def _dots(axes: "Axes", found: Mapping[str, Mapping[int, RecordedRun]], counted: Counted, name: str) -> None:
    measure, fresh = _BY_NAME[name], _BY_NAME[name + _FRESH]
    reference, interval = counted.reference, counted.interval
    for place, (condition, by_seed) in enumerate(found.items()):
        colour = COLOURS[0] if condition == reference else COLOURS[1]
        for level, values, where, face in (
            (measure.level(by_seed, interval), measure.values(by_seed), place, colour),
            (fresh.level(by_seed, interval), fresh.values(by_seed), place + 0.22, "white"),
        ):
            if level:
                _row(axes, where, level, list(values.values()), {"color": colour, "markerfacecolor": face})
    if level := measure.level(found.get(reference, {}), interval):
        axes.axvline(level.mean, color=COLOURS[0], linewidth=0.8, linestyle=":")
    axes.set_xlabel(measure.title, fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.25)


def _row(
    axes: "Axes", place: float, level: Estimate, values: Sequence[float], look: Mapping[str, Any]
) -> None:
    colour = look["color"]
    axes.plot(values, [place] * len(values), "o", color=colour, markersize=3, alpha=0.4, linewidth=0)
    if level.low is not None and level.high is not None:
        axes.plot([level.low, level.high], [place, place], color=colour, linewidth=1.5)
    axes.plot(level.mean, place, "o", markersize=6, **look)


def curves_figure(counted: Counted) -> "Figure":
    """Test accuracy and loss over epochs: the mean over seeds, in their range.

    Of many conditions the reference and the best few have colours and names; the others are gray.
    """
    from matplotlib.ticker import MaxNLocator

    found = {name: list(by_seed.values()) for name, by_seed in counted.with_runs.items()}
    named = best_conditions(found, counted.reference)
    figure, panels = two_panels(4.6)
    abreast = panels[0].get_position().y0 == panels[1].get_position().y0
    for axes, label, reading in zip(panels, _SHOWN, (_accuracy, _loss), strict=True):
        for number, name in enumerate(named):
            look = {"color": COLOURS[number], "linestyle": DASHED if name == counted.reference else "-"}
            band(axes, found[name], reading, look)
        for name in found.keys() - set(named):
            epochs, values = readings(found[name], reading)
            axes.plot(epochs, values.mean(0), color=GRAY, linewidth=0.6, alpha=0.5, zorder=1)
        label_ends(axes, named, panels=2 if abreast else 1)
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(_BY_NAME[label].title)
    gray = f"; gray: {len(found) - len(named)} others" if len(found) > len(named) else ""
    headline(figure, f"{counted.comparison.title}\n{seeds_told(found.values())}{gray}")
    foot(figure, [run for runs in found.values() for run in runs])
    return figure


def best_conditions(found: Mapping[str, Sequence[RecordedRun]], reference: str) -> list[str]:
    """As many as there are colours: the reference and those of the best last accuracy."""

    def last(name: str) -> float:
        values = [_accuracy(run.epochs[-1]) for run in found[name]]
        return sum(values) / len(values)

    ranked = sorted(found, key=last, reverse=True)
    chosen = [*filter(lambda name: name == reference, found), *(name for name in ranked if name != reference)]
    return chosen[: len(COLOURS)]


def _accuracy(epoch: EpochRecord) -> float:
    return 100 * measured(epoch["test_accuracy"])


def _loss(epoch: EpochRecord) -> float:
    return measured(epoch["test_loss"])
