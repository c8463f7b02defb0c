"""What the figures of all experiments share: sizes, colours, bands over seeds, labels at lines' ends."""

import contextlib
import contextvars
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.sections.provenance import provenance
from bnjax.schema import EpochRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which the colour-blind can tell apart (2008), dark ones first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
DASHED = (0, (4, 1.5))
GRAY = "#555555"
#: Figures that are narrower have no room for two panels side by side.
_NARROW_INCHES = 5.0
#: Letters for an inch of a figure's width that a name beside a panel may have.
_LETTERS_BESIDE = 6.5
#: Of a headline: its letters are 10 points high, and few texts have wider ones on average.
_LETTERS_OF_AN_INCH = 12
#: So many lines in one point are not told apart by their names.
_CROWD = 3
#: What is read of an epoch's record.
EpochReading = Callable[[EpochRecord], float]
#: Of a page with two columns: name -> inches, and how large letters are beside those on a screen.
WIDTHS = {"column": (3.5, 0.72), "page": (7.16, 0.85)}
_WIDTH: contextvars.ContextVar[str] = contextvars.ContextVar("width", default="")
_SMALLEST_LETTERS = 5.0


@contextlib.contextmanager
def drawn_for(width: str) -> Iterator[None]:
    """Figures that are made while it lasts fit a page of paper.

    Args:
      width: a name in :data:`WIDTHS`; empty: as on a screen.
    """
    token = _WIDTH.set(width)
    try:
        yield
    finally:
        _WIDTH.reset(token)


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of this size in inches; within :func:`drawn_for` as wide as that says, and lower."""
    from matplotlib.figure import Figure

    wide, letters = WIDTHS.get(_WIDTH.get(), (width, 1.0))
    return Figure(figsize=(wide, letters * height), layout="constrained")


def is_narrow(figure: "Figure") -> bool:
    """Whether it has no room for two panels side by side."""
    return figure.get_figwidth() <= _NARROW_INCHES


def fit_letters(figure: "Figure") -> None:
    """Makes all letters of a finished figure as small as its width asks for."""
    from matplotlib.text import Text

    _, letters = WIDTHS.get(_WIDTH.get(), (0.0, 1.0))
    if letters != 1.0:
        for one in figure.findobj(Text):
            one.set_fontsize(max(_SMALLEST_LETTERS, letters * float(one.get_fontsize())))


def band(axes: "Axes", runs: Sequence[RecordedRun], reading: EpochReading, look: dict[str, Any]) -> None:
    """A line through the mean of the runs, within a band from the lowest to the highest of them."""
    epochs, values = readings(runs, reading)
    axes.plot(epochs, values.mean(0), linewidth=1.6, **look)
    axes.fill_between(epochs, values.min(0), values.max(0), color=look["color"], alpha=0.15, linewidth=0)
    axes.grid(alpha=0.25)


def readings(runs: Sequence[RecordedRun], reading: EpochReading) -> tuple[np.ndarray, np.ndarray]:
    """The epochs that all runs have, and what is read of them [runs, epochs]."""
    shortest = min(len(run.epochs) for run in runs)
    values = [[reading(epoch) for epoch in run.epochs[:shortest]] for run in runs]
    return np.arange(1, shortest + 1), np.asarray(values)


def two_panels(height: float, shared: str = "none") -> "tuple[Figure, Sequence[Axes]]":
    """A figure of that height with two panels side by side; one above the other where it is narrow.

    Args:
      height: in inches, of panels side by side.
      shared: the axis that both have in common, ``y`` or none; one above the other each has its own.
    """
    figure = new_figure(9, height)
    if not is_narrow(figure):
        return figure, figure.subplots(1, 2, sharey=shared == "y")
    figure.set_figheight(1.8 * figure.get_figheight())
    return figure, figure.subplots(2, 1)


def folded(figure: "Figure", name: str, panels: int = 1) -> str:
    """A name for beside a panel, one of so many side by side, in lines where it would leave it no room."""
    return textwrap.fill(name, int(_LETTERS_BESIDE * figure.get_figwidth() / panels))


def label_ends(axes: "Axes", names: Sequence[str], panels: int = 1) -> None:
    """Names beside the ends of the first lines, moved apart where they would cover each other.

    Three lines and more that end in one point share a label that counts them.

    Args:
      axes: a panel whose first lines are meant.
      names: of those lines.
      panels: how many stand side by side.
    """
    lines = axes.get_lines()[: len(names)]
    axes.set_xlim(1, max(2.0, *(float(np.asarray(line.get_xdata())[-1]) for line in lines)))
    low, high = axes.get_ylim()
    ends: dict[float, list[int]] = {}
    for number, line in enumerate(lines):
        ends.setdefault(min(max(float(np.asarray(line.get_ydata())[-1]), low), high), []).append(number)
    labels: list[tuple[float, str, Any]] = []
    for value, numbers in sorted(ends.items()):
        if len(numbers) < _CROWD:
            labels += [(value, names[number], lines[number].get_color()) for number in numbers]
        else:
            told = "all of them" if len(numbers) == len(lines) else f"the {len(numbers)} others"
            labels.append((value, told, GRAY))
    figure = cast("Figure", axes.figure)
    labels = [(value, folded(figure, told, panels), colour) for value, told, colour in labels]
    places = apart([value for value, _, _ in labels], 0.08 * (high - low), high)
    for (value, told, colour), place in zip(labels, places, strict=True):
        axes.annotate(
            told,
            (1, value),
            xytext=(1.03, place),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            color=colour,
            fontsize=8,
            va="center",
            annotation_clip=False,
            arrowprops=dict(
                arrowstyle="-", color=colour, linewidth=0.5, shrinkA=0, shrinkB=0, relpos=(0, 0.5)
            ),
        )


def apart(values: Sequence[float], step: float, highest: float) -> list[float]:
    """Ascending values moved so far that neighbours are a step apart and none is above the highest."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + step) if places else value)
    for number in reversed(range(len(places))):
        places[number] = min(places[number], highest - step * (len(places) - 1 - number))
    return places


def seeds_told(groups: Iterable[Sequence[RecordedRun]]) -> str:
    """What lines with bands show, and of how many seeds."""
    counts = sorted({len(runs) for runs in groups})
    n = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Mean and range of n = {n} seeds"


def foot(figure: "Figure", runs: Sequence[RecordedRun]) -> None:
    """What the figure's numbers rest on, below it."""
    foot_text(figure, provenance(runs))


def foot_text(figure: "Figure", told: str) -> None:
    """A line of small print below a figure."""
    text = textwrap.fill(told, int(26 * figure.get_figwidth()))
    figure.supxlabel(text, fontsize=6, color=GRAY, x=0.01, ha="left")


def headline(figure: "Figure", text: str) -> None:
    """A title over the whole figure, its lines broken where they would leave it."""
    width = int(_LETTERS_OF_AN_INCH * figure.get_figwidth())
    lines = [textwrap.fill(line, width) for line in text.splitlines()]
    figure.suptitle("\n".join(lines), fontsize=10, x=0.01, ha="left")
