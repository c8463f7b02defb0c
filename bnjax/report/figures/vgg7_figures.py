"""Figures of the VGG7 experiment: test loss over epochs block by block, and all 64 placements at once."""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bnjax.report.figures.plots import (
    COLOURS,
    DASHED,
    GRAY,
    band,
    foot,
    headline,
    is_narrow,
    label_ends,
    new_figure,
    seeds_told,
)
from bnjax.report.runs.recorded import RecordedRun, measured
from bnjax.report.sections.vgg7 import Group, final_loss, lowest_loss, site_effects, test_losses
from bnjax.schema import EpochRecord
from bnjax.stats.intervals import Estimate, estimate, possible
from bnjax.studies.vgg7 import PICK, PLAIN, VGG7

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Height of a panel of what norms at the sites change, one of several above each other.
_EFFECTS_INCHES = 2.2
#: What stands out among 64 rows.
_MARKED = {PICK: ("published pick", "#D55E00"), PLAIN: ("without norms", "#0072B2")}


def _test_loss(epoch: EpochRecord) -> float:
    return measured(epoch["test_loss"])


def group_figures(group: Group) -> dict[str, Callable[[], "Figure"]]:
    """Name -> what draws it, of every comparison that was run and of the grid if most of it was."""
    figures: dict[str, Callable[[], Figure]] = {}
    for sweep in ("block1", "block2", "fc", "pick"):
        runs = group.sweep(sweep)
        if 2 * len(runs) > len(VGG7.sweeps[sweep]):
            figures[sweep] = functools.partial(curves_figure, group, sweep, runs)
    if group.has_grid():
        figures["grid"] = functools.partial(grid_figure, group)
    return figures


def curves_figure(group: Group, sweep: str, found: dict[str, list[RecordedRun]]) -> "Figure":
    """Test loss over epochs: a line for each placement, the mean over seeds, in the range of the seeds.

    Args:
      group: where the runs come from.
      sweep: which comparison it is.
      found: condition -> runs.
    """
    figure = new_figure(9, 5.6)
    axes = figure.subplots()
    plain = next(iter(VGG7.sweeps[sweep]))
    for condition, runs in found.items():
        number = list(VGG7.sweeps[sweep]).index(condition)
        band(
            axes,
            runs,
            _test_loss,
            {"color": COLOURS[number], "linestyle": DASHED if condition == plain else "-"},
        )
    _limits(axes, [run for runs in found.values() for run in runs])
    label_ends(axes, list(found))
    axes.set_xlabel("epoch")
    axes.set_ylabel("test loss, nats")
    headline(figure, f"{sweep}: {group.title}\n{seeds_told(found.values())}; {VGG7.said[sweep]}")
    foot(figure, [run for runs in found.values() for run in runs])
    return figure


def _limits(axes: "Axes", runs: Sequence[RecordedRun]) -> None:
    """From the lowest loss to what all but the rarest jumps stay below; last losses are always seen."""
    losses = np.asarray([test_losses(run) for run in runs])
    low, high = float(losses.min()), max(float(np.quantile(losses, 0.98)), float(losses[:, -1].max()))
    margin = 0.05 * (high - low) or 0.05
    axes.set_ylim(low - margin, high + margin)


def grid_figure(group: Group) -> "Figure":
    """All placements of the grid by their lowest test loss, and beside them what a norm at each site does."""
    by_code = group.sweep("grid")
    figure, panels = _grid_panels(len(by_code))
    _rows(
        panels["rows"],
        {
            code: possible(estimate([lowest_loss(run) for run in runs]), "nats")
            for code, runs in by_code.items()
        },
    )
    _effects(panels["lowest"], site_effects(group, lowest_loss), "lowest test loss")
    _effects(panels["final"], site_effects(group, final_loss), "final test loss")
    seeds = seeds_told(by_code.values()).replace("range", "95% interval")
    headline(figure, f"grid: {group.title}\n{len(by_code)} placements. {seeds}; {VGG7.said['grid']}")
    foot(figure, [run for runs in by_code.values() for run in runs])
    return figure


def _grid_panels(rows: int) -> "tuple[Figure, dict[str, Axes]]":
    """The rows beside what norms change; where that leaves no room, above it."""
    figure = new_figure(11, 2.4 + 0.17 * rows)
    if not is_narrow(figure):
        return figure, figure.subplot_mosaic([["rows", "lowest"], ["rows", "final"]], width_ratios=(3, 2))
    height = figure.get_figheight()
    figure.set_figheight(height + 2 * _EFFECTS_INCHES)
    ratios = (height, _EFFECTS_INCHES, _EFFECTS_INCHES)
    return figure, figure.subplot_mosaic([["rows"], ["lowest"], ["final"]], height_ratios=ratios)


def _rows(axes: "Axes", found: dict[str, Estimate]) -> None:
    """A row for each code, the lowest mean on top; intervals that leave the frame are cut there."""
    ranked = sorted(found, key=lambda code: (found[code].mean, code))
    for place, code in enumerate(ranked):
        colour = _MARKED.get(code, ("", GRAY))[1]
        _dot(axes, place, found[code], colour, code in _MARKED)
    longest = max(map(len, ranked))
    names = [f"{place + 1:2}  {code:{longest}}" for place, code in enumerate(ranked)]
    axes.set_yticks(range(len(ranked)), names, family="monospace", fontsize=7.5)
    for label, code in zip(axes.get_yticklabels(), ranked, strict=True):
        if code in _MARKED:
            label.set(color=_MARKED[code][1], fontweight="bold")
    axes.set_ylim(len(ranked) - 0.3, -0.7)
    means = [found[code].mean for code in ranked]
    margin = 0.3 * (means[-1] - means[0]) or 0.05
    axes.set_xlim(means[0] - margin, means[-1] + margin)
    for code, (text, colour) in _MARKED.items():
        if code in found:
            axes.axvline(found[code].mean, color=colour, linewidth=0.8, linestyle=":", label=text)
    if _MARKED.keys() & found.keys():
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    axes.set_title("Lowest test loss of each placement", fontsize=9, pad=20)
    axes.set_xlabel("nats", fontsize=9)
    axes.grid(axis="x", alpha=0.25)


def _effects(axes: "Axes", effects: dict[str, Estimate], what: str) -> None:
    """A row for each site: with a norm minus without, mean over all pairs of placements."""
    for place, effect in enumerate(effects.values()):
        _dot(axes, place, effect, COLOURS[2], True)
        text = f"{effect.mean:+.4f}"
        axes.annotate(text, (effect.mean, place), (0, 9), textcoords="offset points", ha="center", fontsize=8)
    axes.set_yticks(range(len(effects)), list(effects), fontsize=8.5)
    axes.set_ylim(len(effects) - 0.5, -0.8)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.15)
    counts = ", ".join(str(n) for n in sorted({effect.n for effect in effects.values()})) or "0"
    axes.set_title(f"What a norm at a site changes:\n{what} (n = {counts} seeds)", fontsize=9)
    axes.set_xlabel("nats, with minus without\nleft of 0: lower with it", fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.25)


def _dot(axes: "Axes", place: float, value: Estimate, colour: str, large: bool) -> None:
    axes.plot(value.mean, place, "o", color=colour, markersize=6 if large else 4)
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [place, place], color=colour, linewidth=2 if large else 1.2)
