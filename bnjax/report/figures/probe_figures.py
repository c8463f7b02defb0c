"""Figures of what probes measured: of sites over epochs as maps of colours, and beside accuracy as dots."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bnjax.report.figures.plots import COLOURS, folded, foot, headline, is_narrow, new_figure
from bnjax.report.figures.side_by_side_figures import best_conditions
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.sections.measures import ACCURACY
from bnjax.report.sections.probe_numbers import ProbeNumber
from bnjax.report.sections.side_by_side import Counted
from bnjax.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

#: Maps that the colour-blind can read: from dark to bright, and from one hue over white to another.
_ONE_WAY, _BOTH_WAYS = "cividis", "PuOr"
_MISSING = "#e4e4e4"
#: Of more sites than that the numbers beside rows would cover each other.
_SITES_WITH_NUMBERS = 26
_MAPS = 6
_LOG = ("ratio", "log")
#: From how many times the smallest on numbers are drawn by their logarithms.
_ORDERS = 30
#: Letters for an inch of a panel's width.
_LETTERS_BELOW = 13
Runs = Mapping[str, Sequence[RecordedRun]]


def map_figure(counted: Counted, number: ProbeNumber) -> "Figure":
    """Sites by epochs for each of the first conditions, in colours; the last epoch's numbers beside them."""
    found = {name: counted_runs(counted, name) for name in counted.with_runs}
    having = {name: runs for name, runs in found.items() if number.sites(runs)}
    chosen = best_conditions(having, counted.reference)[:_MAPS]
    sites = number.sites([run for name in chosen for run in found[name]])
    grids = {name: means(found[name], number, sites) for name in chosen}
    figure = new_figure(9, 1)
    columns = 1 if is_narrow(figure) or len(chosen) == 1 else 2
    rows = -(-len(chosen) // columns)
    row_inches = min(0.24, max(0.09, 4 / len(sites)))
    figure.set_figheight(1.7 + rows * (0.55 + max(0.6, row_inches * len(sites))))
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    colours = _colours(number, list(grids.values()))
    for axes, name in zip(panels, chosen, strict=False):
        _map(axes, grids[name], sites, colours)
        axes.set_title(folded(figure, f"{name} (n = {len(found[name])})", columns), fontsize=8.5, loc="left")
        _numbers(axes, counted, name, number)
    for axes in panels[len(chosen) :]:
        axes.remove()
    _scale(figure, colours, number)
    gaps = any(np.isnan(grid).any() for grid in grids.values())
    title = f"{capital(number.shown.title)}, by site and epoch\n{counted.comparison.title}"
    headline(figure, f"{title}\n{_told(found, chosen, sites, gaps)}")
    foot(figure, [run for name in chosen for run in found[name]])
    return figure


def counted_runs(counted: Counted, name: str) -> Sequence[RecordedRun]:
    """A condition's runs of the seeds that its intervals count."""
    by_seed = counted.found[name]
    return [by_seed[seed] for seed in counted.interval.counted(sorted(by_seed))]


def means(runs: Sequence[RecordedRun], number: ProbeNumber, sites: Sequence[str]) -> np.ndarray:
    """Means over runs [sites, epochs] of the epochs that all have; NaN where no run has a number."""
    shortest = min(len(run.epochs) for run in runs)
    kept = [run.epochs[:shortest] for run in runs]
    each = np.asarray([[[number.of_epoch(one, site) for one in of] for site in sites] for of in kept], float)
    counts = np.isfinite(each).sum(0)
    return np.where(counts, np.nansum(each, 0) / np.maximum(counts, 1), np.nan)


def _told(found: Runs, chosen: Sequence[str], sites: Sequence[str], gaps: bool) -> str:
    several = any(len(found[name]) > 1 for name in chosen)
    beside = " with its 95% interval" if several else ""
    told = [
        "Mean over seeds" if several else "One seed each",
        f"beside each row the last epoch{beside}" if len(sites) <= _SITES_WITH_NUMBERS else "",
        f"{len(chosen)} of {len(found)} conditions" if len(chosen) < len(found) else "",
        "gray: no number" if gaps else "",
    ]
    return "; ".join(filter(None, told))


def _map(axes: "Axes", grid: np.ndarray, sites: Sequence[str], colours: "ScalarMappable") -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = grid.shape[1]
    axes.imshow(
        grid,
        aspect="auto",
        interpolation="nearest",
        cmap=colours.cmap,
        norm=cast(Any, colours.norm),
        extent=(0.5, epochs + 0.5, len(sites) - 0.5, -0.5),
    )
    axes.set_facecolor(_MISSING)
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    axes.tick_params(labelsize=7.5)
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_yticks(range(len(sites)), sites, fontsize=8 if len(sites) <= _SITES_WITH_NUMBERS else 5)


def _numbers(axes: "Axes", counted: Counted, name: str, number: ProbeNumber) -> None:
    """The last epoch's mean and interval beside each row."""
    sites = [label.get_text() for label in axes.get_yticklabels()]
    if len(sites) > _SITES_WITH_NUMBERS:
        return
    for place, site in enumerate(sites):
        level = number.level(counted_runs(counted, name), site, counted.interval)
        if level:
            interval = "" if level.low is None else f" [{level.low:.2g}, {level.high:.2g}]"
            where = dict(transform=axes.get_yaxis_transform(), va="center", fontsize=7)
            axes.text(1.01, place, f"{level.mean:.2g}{interval}", **where)  # type: ignore[arg-type]


def _colours(number: ProbeNumber, grids: Sequence[np.ndarray]) -> "ScalarMappable":
    """One scale for all panels."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm, Normalize

    values = np.concatenate([grid.ravel() for grid in grids])
    values = values[np.isfinite(values)]
    scale, positive = number.shown.scale, values[values > 0]
    if scale == "ratio" and positive.size:
        most = max(1.05, float(np.exp(np.abs(np.log(positive)).max())))
        return ScalarMappable(LogNorm(1 / most, most, clip=True), _BOTH_WAYS)
    if scale == "log" and positive.size:
        low, high = float(positive.min()), float(positive.max())
        return ScalarMappable(LogNorm(low, max(high, 1.05 * low), clip=True), _ONE_WAY)
    if scale == "signed":
        most = float(np.abs(values).max()) or 1.0
        return ScalarMappable(Normalize(-most, most), _BOTH_WAYS)
    low, high = float(min(0.0, values.min())), float(values.max())
    return ScalarMappable(Normalize(low, high if high > low else low + 1), _ONE_WAY)


def _scale(figure: "Figure", colours: "ScalarMappable", number: ProbeNumber) -> None:
    bar = figure.colorbar(colours, ax=figure.axes, location="bottom", aspect=60, pad=0.02)
    low, high = colours.get_clim()
    if number.shown.scale in _LOG and low and high and low > 0:
        ticks = np.geomspace(low, high, 5)
        bar.set_ticks(list(ticks), labels=[f"{tick:.2g}" for tick in ticks])
        bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=7.5)
    log = " (log scale)" if number.shown.scale in _LOG else ""
    bar.set_label(f"{number.shown.title}{log}", fontsize=8)


def scatter_figure(counted: Counted, numbers: Sequence[ProbeNumber]) -> "Figure":
    """Test accuracy over each number after the last epoch: a dot for a condition, with both intervals."""
    found = counted.with_runs
    figure = new_figure(9, 1)
    columns = min(len(numbers), 2 if is_narrow(figure) else 4)
    rows = -(-len(numbers) // columns)
    figure.set_figheight(1.5 + 2.1 * rows)
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for axes, number in zip(panels, numbers, strict=False):
        for place, by_seed in enumerate(found.values()):
            levels = [one.level(by_seed, counted.interval) for one in (number.measure, ACCURACY)]
            _dot(axes, levels, _look(place))
        _axis(axes, number, counted)
        letters = int(_LETTERS_BELOW * figure.get_figwidth() / columns)
        axes.set_xlabel(textwrap.fill(number.shown.title, letters), fontsize=7.5)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.25)
    for axes in panels[len(numbers) :]:
        axes.remove()
    for axes in panels[::columns]:
        axes.set_ylabel(ACCURACY.title, fontsize=8)
    _legend(figure, list(found))
    title = f"Probes beside accuracy, after the last epoch\n{counted.comparison.title}"
    headline(figure, f"{title}\n{_dots_told(found)}")
    foot(figure, [run for by_seed in found.values() for run in by_seed.values()])
    return figure


def _dots_told(found: Mapping[str, Mapping[int, RecordedRun]]) -> str:
    several = any(len(by_seed) > 1 for by_seed in found.values())
    return "Mean over seeds and sites" + (" with 95% intervals" if several else "")


def _look(place: int) -> dict[str, Any]:
    marks = "osD^vP*X"
    return {"color": COLOURS[place % len(COLOURS)], "marker": marks[place // len(COLOURS) % len(marks)]}


def _dot(axes: "Axes", levels: Sequence[Estimate | None], look: dict[str, Any]) -> None:
    across, up = levels
    if across is None or up is None:
        return
    for level, other, along in ((across, up, "x"), (up, across, "y")):
        if level.low is not None and level.high is not None:
            ends, still = [level.low, level.high], [other.mean, other.mean]
            axes.plot(*((ends, still) if along == "x" else (still, ends)), color=look["color"], linewidth=1)
    axes.plot(across.mean, up.mean, linewidth=0, markersize=5, **look)


def _axis(axes: "Axes", number: ProbeNumber, counted: Counted) -> None:
    """Logarithmic where numbers range over orders; few ticks."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    levels = _levels(number, counted)
    means = [level.mean for level in levels if level]
    if number.shown.scale in _LOG and min(means) > 0 and max(means) > _ORDERS * min(means):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=4))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))


def _legend(figure: "Figure", names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linewidth=0, markersize=5, **_look(place)) for place in range(len(names))]
    shown = [folded(figure, name, 2) for name in names]
    place: Any = "outside lower left" if is_narrow(figure) else "outside right upper"
    figure.legend(handles, shown, loc=place, fontsize=7, frameon=False)


def capital(words: str) -> str:
    """The same as the beginning of a sentence."""
    return words[:1].upper() + words[1:]


def is_dull(number: ProbeNumber, found: Runs) -> bool:
    """Whether all runs have one and the same number at all sites and epochs, which a map would not show."""
    runs = [run for of_condition in found.values() for run in of_condition]
    sites = number.sites(runs)
    values = {number.of_epoch(epoch, site) for run in runs for epoch in run.epochs for site in sites}
    return len(values - {None}) < 2


def of_several(number: ProbeNumber, counted: Counted) -> bool:
    """Whether more than one condition has it, so that these can be told apart by it."""
    return sum(level is not None for level in _levels(number, counted)) > 1


def _levels(number: ProbeNumber, counted: Counted) -> list[Estimate | None]:
    """Of each condition that has runs."""
    return [number.measure.level(by_seed, counted.interval) for by_seed in counted.with_runs.values()]
