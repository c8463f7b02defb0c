"""A report as Markdown or CSV, for papers and spreadsheets."""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence

from bnjax.report.page.document import EMPTY, AnswerCard, Report, Section, Table, TableCell, table_files


def as_markdown(report: Report) -> str:
    """Headings, paragraphs and tables; of pictures what they show in words."""
    parts = [f"# {report.title}", *report.paragraphs]
    for section in report.sections:
        finding = [f"**{section.finding}**"] if section.finding else []
        parts += [f"## {section.title}", *finding, *_counts(section), *section.paragraphs]
        parts += [line for answer in section.answers for line in _answer(answer)]
        for table in section.tables:
            parts += [f"### {table.title}", markdown_table(table), *([table.note] if table.note else [])]
        parts += [f"*{picture.title}.* {picture.alt}" for picture in section.pictures]
    return "\n\n".join([*parts, *filter(None, [report.rests_on])]) + "\n"


def _counts(section: Section) -> list[str]:
    told = ", ".join(f"{count} {verdict}" for verdict, count in section.counts.items())
    return [f"Claims: {told}."] if told else []


def _answer(answer: AnswerCard) -> Iterator[str]:
    yield f"**{answer.question}** ({answer.study})"
    for one in answer.findings:
        yield f"{one.told} {one.verdict.capitalize()}: {one.claim}"


def markdown_table(table: Table) -> str:
    """Its head and rows alone, without columns that are empty throughout."""
    table = table.without_empty_columns()
    lines = [_row(table.columns), _row(["---"] * len(table.columns))]
    return "\n".join([*lines, *(_row([cell.text for cell in cells]) for cells in table.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def as_csv(report: Report) -> dict[str, str]:
    """Name of a file -> a table's head and rows (RFC 4180); named by section and title, in their order."""
    return {name: _csv(table) for name, (_, table) in table_files(report, "csv").items()}


def _csv(table: Table) -> str:
    """Means, the ends of their intervals and their n have columns of their own; a missing number is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    columns = [
        _column(name, [cells[place] for cells in table.rows]) for place, name in enumerate(table.columns)
    ]
    writer.writerow(itertools.chain.from_iterable(heads for heads, _ in columns))
    for number in range(len(table.rows)):
        writer.writerow(itertools.chain.from_iterable(values[number] for _, values in columns))
    return buffer.getvalue()


def _column(name: str, cells: Sequence[TableCell]) -> tuple[list[str], list[list[str]]]:
    """The heads of a column or of those of a mean, and what stands below them."""
    if not any(cell.estimate for cell in cells):
        return [name], [[_value(cell)] for cell in cells]
    return [name, f"{name}, from", f"{name}, to", f"{name}, n"], [_numbers(cell) for cell in cells]


def _value(cell: TableCell) -> str:
    return "" if cell.text == EMPTY and cell.order == float("inf") else cell.text


def _numbers(cell: TableCell) -> list[str]:
    """A mean as people are told it, the ends of its interval, and n."""
    if not cell.estimate:
        return [_value(cell), "", "", ""]
    _, low, high, n = cell.estimate
    return [
        cell.text.partition(" ")[0],
        *("" if end is None else f"{end:.6g}" for end in (low, high)),
        str(n),
    ]
