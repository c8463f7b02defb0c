"""The figure of training steps beside other libraries'."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bnjax.report.figures.drawing import Drawing, as_svg
from bnjax.report.figures.plots import COLOURS, GRAY, foot_text
from bnjax.report.page.document import PageFigure
from speed_peers.measurements import (
    BNJAX,
    SpeedResults,
    contestant_name,
    measured,
    network_title,
    significant,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW_INCHES = 0.3
#: Of a row, how far above and below its middle the dots of two precisions stand.
_APART = 0.2


def speed_picture(results: SpeedResults) -> PageFigure:
    """The figure with its description in words."""
    told = " ".join(_told(records) for records in results.networks().values())
    title = "Time per training step: median of the rounds, and from the least to the most"
    alt = f"Milliseconds per training step. {told}"
    return as_svg(Drawing("speed-steps", title, alt, functools.partial(speed_figure, results)))


def _told(records: Sequence[Mapping[str, Any]]) -> str:
    times = [
        f"{contestant_name(record)} {significant(record['step_ms']['median'])} ms ({record['precision']})"
        for record in sorted(records, key=lambda record: record["step_ms"]["median"])
    ]
    return f"{network_title(records[0])}: {', '.join(times)}."


def speed_figure(results: SpeedResults) -> "Figure":
    """A panel for each network, a row for each contestant: a dot at the median of the rounds.

    Its line goes from the least to the most; the second precision has hollow dots. Times are on a log scale.
    """
    from matplotlib.figure import Figure

    networks = list(results.networks().values())
    rows = [len(_contestants(records)) for records in networks]
    figure = Figure(figsize=(9, _ROW_INCHES * sum(rows) + 0.9 * len(rows) + 0.6), layout="constrained")
    panels = figure.subplots(len(networks), 1, height_ratios=[count + 1 for count in rows], squeeze=False)
    for axes, records in zip(panels[:, 0], networks, strict=True):
        _draw(axes, records)
    panels[-1, 0].set_xlabel("ms per training step, log scale")
    foot_text(figure, " ".join(measured(results)))
    return figure


def _contestants(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of contestants, bnjax first, the others by their median in the first precision they have."""
    medians: dict[str, float] = {}
    for record in records:
        medians.setdefault(record["contestant"], record["step_ms"]["median"])
    return sorted(medians, key=lambda name: (name != BNJAX, medians[name]))


def _draw(axes: "Axes", records: Sequence[Mapping[str, Any]]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    names = _contestants(records)
    precisions = list(dict.fromkeys(record["precision"] for record in records))
    for record in records:
        first, alone = record["precision"] == precisions[0], len(precisions) == 1
        row = names.index(record["contestant"]) + (0 if alone else -_APART if first else _APART)
        colour = COLOURS[1] if record["contestant"] == BNJAX else GRAY
        times = record["step_ms"]
        axes.plot([times["min"], times["max"]], [row, row], color=colour, linewidth=1.4)
        axes.plot(times["median"], row, "o", color=colour, markersize=5, mfc=colour if first else "white")
        axes.annotate(
            _label(record, alone),
            (times["max"], row),
            xytext=(6, 0),
            textcoords="offset points",
            color=colour,
            fontsize=8 if alone else 7,
            va="center",
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    least = min(record["step_ms"]["min"] for record in records)
    most = max(record["step_ms"]["max"] for record in records)
    # Labels stand to the right of the slowest.
    axes.set_xlim(least / 1.2, most * max(most / least, 2.0) ** 0.45)
    axes.set_ylim(len(names) - 0.4, -0.6)
    shown = {record["contestant"]: contestant_name(record) for record in records}
    axes.set_yticks(range(len(names)), [shown[name] for name in names], fontsize=8)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        if name == BNJAX:
            tick.set(color=COLOURS[1], fontweight="bold")
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_title(network_title(records[0]), fontsize=10, loc="left")


def _label(record: Mapping[str, Any], alone: bool) -> str:
    median = record["step_ms"]["median"]
    told = f"{median:,.0f} ms" if median >= 100 else f"{median:.3g} ms"
    if record["ratio"] and record["contestant"] != BNJAX:
        told += f", {record['ratio']['median']:.2f} times bnjax"
    return told if alone else f"{told} ({record['precision']})"
