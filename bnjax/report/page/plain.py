"""A report as Markdown or CSV, for papers and spreadsheets."""

import csv
import io
from collections.abc import Iterator, Sequence

from bnjax.report.page.document import AnswerCard, Report, Section, Table, table_files


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
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(table.columns)
    writer.writerows([cell.text for cell in cells] for cells in table.rows)
    return buffer.getvalue()
