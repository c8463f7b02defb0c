"""A report's tables as LaTeX for papers, with the rules of the package booktabs."""

import re
from collections.abc import Sequence

from bnjax.report.page.bibliography import bibliography
from bnjax.report.page.document import Report, Table, table_files

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{letter: "\\" + letter for letter in "&%$#_{}"},
}


def as_latex(report: Report) -> dict[str, str]:
    r"""Name of a file -> a table for ``\input``; a paper that shows it needs ``\usepackage{booktabs}``.

    With them comes ``references.bib``, see :mod:`bnjax.report.page.bibliography`.
    """
    files = table_files(report, "tex")
    tables = {name: latex_table(table, section.title) for name, (section, table) in files.items()}
    return {**tables, "references.bib": bibliography()}


def latex_table(table: Table, of_what: str) -> str:
    """A floating table with its caption, without columns that are empty throughout."""
    table = table.without_empty_columns()
    rows = [_row([cell.text for cell in cells]) for cells in table.rows]
    letters = "".join("r" if _of_numbers(table, place) else "l" for place in range(len(table.columns)))
    caption = " ".join(filter(None, [f"{of_what}. {table.title}.", table.note]))
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_escaped(caption)}}}",
        rf"  \begin{{tabular}}{{@{{}}{letters}@{{}}}}",
        *(f"    {line}" for line in (r"\toprule", _row(table.columns), r"\midrule", *rows, r"\bottomrule")),
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(texts: Sequence[str]) -> str:
    return " & ".join(map(_escaped, texts)) + r" \\"


def _of_numbers(table: Table, place: int) -> bool:
    return bool(table.rows) and all(cells[place].order is not None for cells in table.rows)


def _escaped(text: str) -> str:
    """The text as LaTeX prints it; a minus before a number is a minus."""
    plain = "".join(_SPECIAL.get(letter, letter) for letter in text)
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", plain)
