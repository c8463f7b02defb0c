"""Parts of the documents that bnjax writes itself, between two marks: the results and the records' schema."""

from collections.abc import Sequence

from bnjax.errors import UserError
from bnjax.records import SCHEMA
from bnjax.report.page.document import Report, Table, text
from bnjax.report.page.plain import markdown_table
from bnjax.report.page.results import (
    results_pictures,
    results_text,
    told_of_chance,
    verdicts_by_study,
    verdicts_on_papers,
)


class DocumentError(UserError, ValueError):
    """A document lacks the two marks between which something is to be written."""


def written(document: str, name: str, content: str) -> str:
    """A document with other content between ``<!-- name: begin -->`` and ``<!-- name: end -->``.

    Raises:
      DocumentError: it has no such marks.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, opened, rest = document.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        raise DocumentError(f"no {begin} with {end} behind it")
    return f"{before}{begin}{content}{end}{after}"


def with_results(document: str, report: Report) -> str:
    """The page of results: what its pictures show lies beside it."""
    shown = [f"![{picture.alt}]({picture.name}.svg)" for picture in results_pictures(report)]
    return written(document, "results", _block([results_text(report), *shown]))


def with_verdicts(document: str, report: Report) -> str:
    """The README: how many claims of each text hold, in its row of the table, of papers, and by chance."""
    for study, counts in verdicts_by_study(report).items():
        document = written(document, study, counts)
    document = written(document, "papers", verdicts_on_papers(report))
    return written(document, "chance", told_of_chance(report))


def with_schema(document: str) -> str:
    """The page of records: a table of fields for each kind of record."""
    return written(document, "schema", _block([schema_text()]))


def schema_text() -> str:
    """What every record has, then what each kind of record has beside that."""
    common = set.intersection(*(set(fields) for fields in SCHEMA.values()))
    parts = [_fields("Every record", [name for name in SCHEMA["run"] if name in common], "run")]
    for kind, fields in SCHEMA.items():
        parts.append(_fields(f"`{kind}`", [name for name in fields if name not in common], kind))
    return "\n\n".join(parts)


def _fields(title: str, names: Sequence[str], kind: str) -> str:
    rows = [[text(f"`{name}`"), text(SCHEMA[kind][name][1])] for name in names]
    return f"### {title}\n\n{markdown_table(Table(title, ('field', 'meaning'), rows))}"


def _block(parts: Sequence[str]) -> str:
    return "\n\n" + "\n\n".join(parts) + "\n\n"
