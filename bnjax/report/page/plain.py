"""A report as Markdown or CSV, for papers and spreadsheets."""

import csv
import io
from collections.abc import Sequence

from bnjax.report.page.document import Report, Table, numbered, slug


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


def as_csv(report: Report) -> dict[str, str]:
    """Name of a file -> a table's head and rows (RFC 4180); named by section and title, in their order."""
    tables = [(section, table) for section in report.sections for table in section.tables]
    names = numbered(slug(section.name, table.title.lower()) for section, table in tables)
    digits = len(str(len(tables)))
    return {
        f"{number:0{digits}}-{name}.csv": _csv(table)
        for number, (name, (_, table)) in enumerate(zip(names, tables, strict=True), start=1)
    }


def _csv(table: Table) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(table.columns)
    writer.writerows([cell.text for cell in cells] for cells in table.rows)
    return buffer.getvalue()
