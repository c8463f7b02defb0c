"""Figures as pictures. All of them are drawn here, in one style, whatever the user's matplotlib is set to."""

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnjax.report.document import Picture, numbered, slug
from bnjax.whole_file import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "image/svg+xml"
_DOTS_PER_INCH = 120


@dataclass(frozen=True)
class Drawing:
    """A figure that is yet to be drawn.

    Attributes:
      name: short and unique, for links and files.
      title: what it shows.
      alt: the same in words, for readers who cannot see it.
      draw: makes the figure; called by :func:`as_svg` and :func:`save_png` alone, since matplotlib reads its
        settings then.
    """

    name: str
    title: str
    alt: str
    draw: Callable[[], "Figure"]


def as_svg(drawing: Drawing) -> Picture:
    """A picture for the page; equal records give equal bytes."""
    with _own_style() as style:
        style["svg.hashsalt"] = drawing.name
        content = _saved(drawing.draw(), format="svg", metadata={"Date": None})
    return Picture(drawing.name, drawing.title, drawing.alt, _SVG, content)


def save_png(drawings: Iterable[Drawing], folder: Path) -> Iterator[Path]:
    """Writes a file for each drawing, and makes the folder for the first.

    Yields:
      Each file once it is written.

    Raises:
      OSError: one cannot be written.
    """
    found = list(drawings)
    for drawing, name in zip(found, numbered(slug(one.name) for one in found), strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        with _own_style():
            content = _saved(drawing.draw(), format="png", dpi=_DOTS_PER_INCH)
        write_whole(path, content)
        yield path


def _saved(figure: "Figure", **options: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, **options)
    return buffer.getvalue()


@contextlib.contextmanager
def _own_style() -> Iterator[dict]:
    """Sets matplotlib's own defaults for as long as it lasts; yields its settings."""
    with _backend_that_exists():
        import matplotlib.style
    with matplotlib.style.context("default"):
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
