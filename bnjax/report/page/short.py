"""The short form of a report, for a terminal: what it answers, and the runs' own tables."""

from dataclasses import replace

from bnjax.report.page.document import Report, Section, Table, TableCell

_NOT_RUN = "not run"
#: The sections of verdicts, of which what was run alone is shown.
_VERDICTS = ("claims", "papers")


def short_form(report: Report) -> Report:
    """The brief sections of a report, the claims that its runs answer, and a few lines about the rest.

    Args:
      report: the whole of it.
    """
    sections = [short for section in report.sections if (short := _short(section))]
    names = {section.name for section in sections}
    tables = sum(len(section.tables) for section in report.sections if section.name not in names)
    more = f"{tables} more tables (contrasts, what was not run, every run) and pictures: --out=report.html."
    end = Section("more", "Where the numbers come from", [report.rests_on, more])
    return replace(report, sections=[*sections, end], rests_on="")


def _short(section: Section) -> Section | None:
    if section.name not in _VERDICTS:
        return section if section.brief else None
    table = _answered(section.tables[0])
    return replace(section, paragraphs=section.paragraphs[:1], tables=[table]) if table.rows else None


def _answered(table: Table) -> Table:
    """The rows with a verdict."""
    return replace(table, rows=[cells for cells in table.rows if any(map(_is_verdict, cells))])


def _is_verdict(cell: TableCell) -> bool:
    return cell.kind.startswith("verdict") and cell.text != _NOT_RUN
