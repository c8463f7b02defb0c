"""Figures as pictures. All of them are drawn here, in one style, whatever the user's matplotlib is set to."""

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnjax.files import write_whole
from bnjax.report.figures.plots import drawn_for, fit_letters
from bnjax.report.page.document import PageFigure, numbered, slug

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "image/svg+xml"
#: Form of a file -> how it is saved: no dates, so that equal records give equal bytes.
FORMS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 120},
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}


@dataclass(frozen=True)
class Drawing:
    """A figure that is yet to be drawn.

    Attributes:
      name: short and unique, for links and files.
      title: what it shows.
      alt: the same in words, for readers who cannot see it.
      draw: makes the figure; called by :func:`as_svg` and :func:`save_figures` alone, since matplotlib reads
        its settings then.
    """

    name: str
    title: str
    alt: str
    draw: Callable[[], "Figure"]


def as_svg(drawing: Drawing) -> PageFigure:
    """A picture for the page; equal records give equal bytes."""
    return PageFigure(drawing.name, drawing.title, drawing.alt, _SVG, _content(drawing, "svg", ""))


def save_figures(
    drawings: Iterable[Drawing], folder: Path, form: str = "png", width: str = ""
) -> Iterator[Path]:
    """Writes a file for each drawing, and makes the folder for the first.

    Letters are part of each file: outlines in SVG, embedded TrueType in PDF.

    Args:
      drawings: what is drawn.
      folder: where to.
      form: one of :data:`FORMS`.
      width: of a page of paper, a name in :data:`bnjax.report.figures.plots.WIDTHS`; empty: as on a screen.

    Yields:
      Each file once it is written.

    Raises:
      OSError: one cannot be written.
    """
    all_drawings = list(drawings)
    for drawing, name in zip(all_drawings, numbered(slug(one.name) for one in all_drawings), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.{form}"
        write_whole(path, _content(drawing, form, width))
        yield path


def _content(drawing: Drawing, form: str, width: str) -> bytes:
    buffer = io.BytesIO()
    with _own_style() as style, drawn_for(width):
        style["svg.hashsalt"] = drawing.name
        figure = drawing.draw()
        fit_letters(figure)
        figure.savefig(buffer, format=form, **FORMS[form])
    return buffer.getvalue()


@contextlib.contextmanager
def _own_style() -> Iterator[dict]:
    """Sets matplotlib's own defaults for as long as it lasts; yields its settings."""
    with _backend_that_exists():
        import matplotlib.style
    with matplotlib.style.context(["default", {"pdf.fonttype": 42}]):
        yield matplotlib.rcParams


@contextlib.contextmanager
def _backend_that_exists() -> Iterator[None]:
    """Hides MPLBACKEND: importing matplotlib fails where it names a backend that is not installed here."""
    asked = os.environ.get("MPLBACKEND")
    os.environ["MPLBACKEND"] = "agg"
    try:
        yield
    finally:
        del os.environ["MPLBACKEND"]
        if asked is not None:
            os.environ["MPLBACKEND"] = asked
