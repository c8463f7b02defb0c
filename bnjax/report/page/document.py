"""What a report consists of, whatever it is written as: sections of paragraphs, tables and pictures."""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bnjax.stats.intervals import Estimate

#: Bytes of a name of a file; at most 255 are possible, and names get numbers and suffixes.
_LONGEST_NAME = 200


class Cell(NamedTuple):
    """A cell of a table: its text, the number it is sorted by (None: by its text), and what kind it is."""

    text: str
    order: float | None = None
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A real table: its title, its columns, and rows whose first cell names them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture in bytes (SVG, GIF or WebP), what it shows, and the same in words for who cannot see it."""

    name: str
    title: str
    alt: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Section:
    """A part of the report under a heading."""

    name: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Report:
    """The whole of it, and a line for each thing left out."""

    title: str
    paragraphs: Sequence[str]
    sections: Sequence[Section]
    problems: Sequence[str] = ()


def slug(*words: str) -> str:
    """Words as one name of a file, cut where file systems would refuse it."""
    name = re.sub(r"[^\w.=-]+", "-", "-".join(words))
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")


def numbered(names: Iterable[str]) -> list[str]:
    """The same names, told apart: of equal ones the second ends in -2, the third in -3."""
    found: list[str] = []
    for name in names:
        tries = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        found.append(next(each for each in tries if each not in found))
    return found


def text(value: object) -> Cell:
    """A cell of words."""
    return Cell(str(value))


def number(value: float | None, form: str = "") -> Cell:
    """A cell of a number; a dash where there is none, which is sorted last."""
    return Cell("-", float("inf")) if value is None else Cell(f"{value:{form}}", float(value))


def mean_cell(value: Estimate | None, form: str = ".4f") -> Cell:
    """A mean with its interval, or marked where there are too few seeds for one."""
    if value is None:
        return Cell("-", float("inf"))
    return Cell(f"{value.mean:{form}} {interval_text(value, form)}", value.mean)


def interval_text(value: Estimate, form: str) -> str:
    """``[low, high], n = 5``, or what stands for it where there are too few seeds for an interval."""
    if value.low is None or value.high is None:
        return "(one seed, no interval)" if value.n == 1 else f"(n = {value.n}, no interval)"
    return f"[{value.low:{form}}, {value.high:{form}}], n = {value.n}"
