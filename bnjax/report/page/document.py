"""What a report consists of, whatever it is written as: sections of paragraphs, tables and pictures."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bnjax.stats.intervals import Estimate

#: A cell without a value.
EMPTY = "-"
#: Bytes of a name of a file; at most 255 are possible, and names get numbers and suffixes.
_LONGEST_NAME = 200


class TableCell(NamedTuple):
    """A cell of a table: its text, what sorts it (None: its text), what kind it is, an address, a mean."""

    text: str
    order: float | None = None
    kind: str = ""
    link: str = ""
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Table:
    """A real table: its title, its columns, rows named by their first cells, columns to choose rows by."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    note: str = ""
    filters: Sequence[str] = ()

    def without_empty_columns(self) -> "Table":
        """The same for people, without columns in which every row has a dash."""
        shown = [
            place
            for place in range(len(self.columns))
            if not self.rows or any(cells[place].text != EMPTY for cells in self.rows)
        ]
        columns = [self.columns[place] for place in shown]
        return replace(self, columns=columns, rows=[[cells[place] for place in shown] for cells in self.rows])


@dataclass(frozen=True)
class PageFigure:
    """A picture in bytes (SVG, GIF or WebP), what it shows, and the same in words for who cannot see it."""

    name: str
    title: str
    alt: str
    media_type: str
    content: bytes


class Bar(NamedTuple):
    """A row of a forest plot: what it is, an interval (None: one seed), and its verdict."""

    name: str
    mean: float
    low: float | None
    high: float | None
    verdict: str


@dataclass(frozen=True)
class AnsweredClaim:
    """What runs say of one claim.

    Attributes:
      told: that in a sentence, with its first number.
      verdict: on the claim.
      claim: what was claimed, why there is no other verdict, the data, and for how many epochs.
      unit: of the bars.
      bars: the claim's differences in that unit; a forest plot.
    """

    told: str
    verdict: str
    claim: str
    unit: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class AnswerCard:
    """What a study asked, and what the runs say.

    Attributes:
      study: its name.
      question: what it asked.
      findings: on the claims that answer it, the first of them first.
      source: title, place and date of the text, and its address where there is one.
    """

    study: str
    question: str
    findings: Sequence[AnsweredClaim]
    source: TableCell


@dataclass(frozen=True)
class Section:
    """A part of the report under a heading.

    Attributes:
      name: unique, for links and files.
      title: its heading.
      counts: of verdicts, by their names.
      paragraphs, answers, tables, pictures: what it holds beside, in that order.
      brief: belongs to the short form of the report, too.
      finding: what it says in one sentence, for whoever reads nothing else; before all the others.
    """

    name: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    pictures: Sequence[PageFigure] = ()
    answers: Sequence[AnswerCard] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    brief: bool = False
    finding: str = ""


@dataclass(frozen=True)
class Report:
    """The whole of it, a line for each thing left out, and one about what all of it rests on."""

    title: str
    paragraphs: Sequence[str]
    sections: Sequence[Section]
    problems: Sequence[str] = ()
    rests_on: str = ""


def slug(*words: str) -> str:
    """Words as one name of a file, cut where file systems would refuse it."""
    name = re.sub(r"[^\w.=-]+", "-", "-".join(words))
    return name.encode()[:_LONGEST_NAME].decode(errors="ignore")


def numbered(names: Iterable[str]) -> list[str]:
    """The same names, told apart: of equal ones the second ends in -2, the third in -3."""
    numbered_names: list[str] = []
    for name in names:
        tries = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        numbered_names.append(next(each for each in tries if each not in numbered_names))
    return numbered_names


def table_files(report: Report, suffix: str) -> dict[str, tuple[Section, Table]]:
    """Name of a file -> its table and where that stands; named by both titles, in the order of the report."""
    tables = [(section, table) for section in report.sections for table in section.tables]
    names = numbered(slug(section.name, table.title.lower()) for section, table in tables)
    digits = len(str(len(tables)))
    return {
        f"{place:0{digits}}-{name}.{suffix}": each
        for place, (name, each) in enumerate(zip(names, tables, strict=True), start=1)
    }


def text(value: object) -> TableCell:
    """A cell of words."""
    return TableCell(str(value))


def number(value: float | None, form: str = "") -> TableCell:
    """A cell of a number; a dash where there is none, which is sorted last."""
    return TableCell(EMPTY, float("inf")) if value is None else TableCell(f"{value:{form}}", float(value))


def mean_cell(value: Estimate | None, form: str = ".4f") -> TableCell:
    """A mean with its interval, or marked where there are too few seeds for one."""
    if value is None:
        return TableCell(EMPTY, float("inf"))
    return TableCell(f"{value.mean:{form}} {interval_text(value, form)}", value.mean, estimate=value)


def interval_text(value: Estimate, form: str) -> str:
    """``[low, high], n = 5``, or what stands for it where there are too few seeds for an interval."""
    if value.low is None or value.high is None:
        return "(one seed, no interval)" if value.n == 1 else f"(n = {value.n}, no interval)"
    return f"[{value.low:{form}}, {value.high:{form}}], n = {value.n}"
