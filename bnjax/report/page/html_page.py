"""A report as one HTML file that needs nothing else: styles, script and pictures are inside."""

import base64
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files

from bnjax.report.page.answers_html import cards, linked, signed_verdict, strip, verdict_class
from bnjax.report.page.document import PageFigure, Report, Section, Table, TableCell

#: The browser may load nothing from elsewhere.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def as_html(report: Report) -> str:
    """The whole page."""
    assets = files("bnjax.report") / "assets"
    style, script = ((assets / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    links = "".join(f'<li><a href="#{s.name}">{escape(s.title)}</a></li>' for s in report.sections)
    body = "".join(piece for section in report.sections for piece in _section(section))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(report.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#content">Skip to the content</a>\n'
        f"<header><h1>{escape(report.title)}</h1>{_paragraphs(report.paragraphs)}"
        f"<details><summary>Contents</summary>"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></details></header>\n'
        f'<main id="content">{body}</main>\n<footer>{_paragraphs([report.rests_on])}</footer>\n'
        f"<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _paragraphs(paragraphs: Iterable[str]) -> str:
    return "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)


def _section(section: Section) -> Iterator[str]:
    name = section.name
    yield f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(section.title)}</h2>\n'
    if section.finding:
        yield f'<p class="finding">{escape(section.finding)}</p>\n'
    yield strip(section.counts)
    yield _paragraphs(section.paragraphs)
    yield from cards(section.answers)
    for picture in section.pictures:
        yield _picture(picture)
    for number, table in enumerate(section.tables):
        yield from _table(table.without_empty_columns(), f"{section.name}-table-{number}")
    yield "</section>\n"


def _picture(picture: PageFigure) -> str:
    content = base64.b64encode(picture.content).decode()
    return (
        f'<figure id="{picture.name}"><div class="picture" role="region" tabindex="0" '
        f'aria-label="{escape(picture.title)}"><img src="data:{picture.media_type};base64,{content}" '
        f'alt="{escape(picture.alt)}"></div><figcaption>{escape(picture.title)}</figcaption></figure>\n'
    )


def _table(table: Table, name: str) -> Iterator[str]:
    """Scrolls by itself where it is too wide, with the keyboard too; headings sort once the script runs."""
    caption = f'<caption id="{name}">{escape(table.title)} ({len(table.rows)} rows)</caption>'
    yield f'<div class="scroll" role="region" aria-labelledby="{name}" tabindex="0">\n'
    yield f'<table class="sortable" role="table">{caption}\n<thead role="rowgroup">'
    yield f'<tr role="row">{"".join(_head(table, c) for c in table.columns)}</tr></thead>\n'
    yield '<tbody role="rowgroup">\n'
    for cells in table.rows:
        first = f'<th scope="row" role="rowheader"{_sorted_by(cells[0])}>{escape(cells[0].text)}</th>'
        others = "".join(map(_cell, cells[1:], table.columns[1:]))
        yield f'<tr role="row">{first}{others}</tr>\n'
    yield "</tbody></table></div>\n"
    if table.note:
        yield f'<p class="note">{escape(table.note)}</p>\n'


def _head(table: Table, column: str) -> str:
    chosen = " data-filter" if column in table.filters else ""
    return f'<th scope="col" role="columnheader"{chosen}>{escape(column)}</th>'


def _sorted_by(cell: TableCell) -> str:
    if cell.order is None:
        return ""
    return f' data-order="{"" if cell.order == float("inf") else cell.order}"'


def _cell(cell: TableCell, column: str) -> str:
    """With its column's name, which a narrow screen shows beside it."""
    kind, shown = cell.kind, linked(cell)
    if kind.startswith("verdict"):
        kind, shown = verdict_class(cell.text), signed_verdict(cell.text)
    elif kind == "command":
        shown = f"<code>{shown}</code>"
    elif cell.order is not None:
        kind = f"{kind} number".strip()
    marked = f' class="{kind}"' if kind else ""
    return f'<td role="cell" data-column="{escape(column)}"{marked}{_sorted_by(cell)}>{shown}</td>'
