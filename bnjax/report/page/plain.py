"""A report as Markdown or CSV, for papers and spreadsheets."""

import csv
import io
from collections.abc import Iterator, Sequence

from bnjax.report.page.document import Report, Section, Table


def as_markdown(report: Report) -> str:
    """Headings, paragraphs and tables; of pictures what they show in words."""
    parts = [f"# {report.title}", *report.paragraphs]
    for section in report.sections:
        parts += [f"## {section.title}", *section.paragraphs]
        for table in section.tables:
            parts += [f"### {table.title}", markdown_table(table), *([table.note] if table.note else [])]
        parts += [f"*{picture.title}.* {picture.alt}" for picture in section.pictures]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """Its head and rows alone."""
    lines = [_row(table.columns), _row(["---"] * len(table.columns))]
    return "\n".join([*lines, *(_row([cell.text for cell in cells]) for cells in table.rows)])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def as_csv(report: Report) -> str:
    """Every table with the section and the title before its rows, an empty line between tables (RFC 4180)."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for section, table in _tables(report.sections):
        writer.writerow(["section", "table", *table.columns])
        for cells in table.rows:
            writer.writerow([section.title, table.title, *(cell.text for cell in cells)])
        writer.writerow([])
    return buffer.getvalue()


def _tables(sections: Sequence[Section]) -> Iterator[tuple[Section, Table]]:
    for section in sections:
        for table in section.tables:
            yield section, table
