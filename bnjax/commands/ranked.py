"""How a sweep ends on a terminal: its conditions ranked, and which of them these seeds can tell apart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnjax.commands.comparison import Compared, row_in_words

if TYPE_CHECKING:
    from rich.console import RenderableType

#: Columns of characters that are used of a wider terminal.
WIDEST = 110
_MOST_CONDITIONS = 40
_MOST_NAMED = 4
#: Left out one after the other where a terminal is too narrow for all; reports have them.
_LESS = ("test loss", "fresh", "silent")
#: A name is folded below so many characters.
_NARROWEST_NAME = 12


def ranking(rows: Sequence[Compared], usual: str = "", folder: str = "runs") -> "RenderableType":
    """Conditions as a table, the best first, and what it says.

    Args:
      usual: what their names leave out, see :func:`bnjax.studies.naming.unnamed`.
      folder: of the records, for the advice what to do next.
    """
    from rich.console import Group
    from rich.text import Text

    more = len(rows) - _MOST_CONDITIONS
    below = [
        f"and {more} more conditions" if more > 0 else "",
        f"Where a condition says nothing else: {usual}" if usual else "",
        told_apart(rows),
        f"Next: bnjax report {folder} --out=report.html makes a page with figures",
    ]
    title = "After the last epoch, the best first; in brackets 95% intervals over seeds"
    return Group(Text(title), _table(rows[:_MOST_CONDITIONS]), *map(Text, filter(None, below)))


def _table(rows: Sequence[Compared]) -> "RenderableType":
    from rich.box import ROUNDED
    from rich.table import Table

    shown = list(map(row_in_words, rows))
    table = Table(box=ROUNDED)
    columns = {title: [row[title] for row in shown] for title in shown[0]}
    name, *titles = _fitting(columns)
    whole = _width([name, *titles], columns) <= _terminal_width()
    table.add_column(name, overflow="fold")
    for title in titles:
        table.add_column(title, justify="right", no_wrap=whole)  # names are folded before numbers
    for row in shown:
        table.add_row(*(row[title] for title in (name, *titles)))
    return table


def _fitting(columns: dict[str, list[str]]) -> list[str]:
    """The titles of columns that say anything, without the least of them where the terminal is narrow."""
    titles = [title for title, cells in columns.items() if set(cells) != {"-"}]
    for less in _LESS:
        if _width(titles, columns) > _terminal_width() and less in titles:
            titles.remove(less)
    return titles


def _terminal_width() -> int:
    from rich.console import Console

    return min(Console().width, WIDEST)  # as it is drawn: on a terminal that can do little, rich takes 80


def _width(titles: Sequence[str], columns: dict[str, list[str]]) -> int:
    """Of the table, where names are folded as far as they may be; three more for each column's frame."""
    name, *others = ([title, *columns[title]] for title in titles)
    widths = [min(max(map(len, name)), _NARROWEST_NAME), *(max(map(len, cells)) for cells in others)]
    return sum(widths) + 3 * len(widths) + 1


def told_apart(rows: Sequence[Compared]) -> str:
    """Which conditions these seeds tell from the reference, by intervals that leave out 0."""
    held = [row for row in rows if row.difference]
    known = [row for row in held if row.difference and row.difference.low is not None]
    if not held:
        return ""
    if not known:
        return "With one seed nobody can tell what is chance; --seeds=5 repeats every condition."
    reference = next(row.name for row in rows if row.is_reference)
    apart = [row.name for row in known if not _holds_zero(row)]
    alike = [row.name for row in known if _holds_zero(row)]
    parts = [f"Differs from {reference}: {_listed(apart)}." if apart else ""]
    parts += [f"Undecided, since the interval holds 0: {_listed(alike)}." if alike else ""]
    return " ".join(filter(None, parts))


def _holds_zero(row: Compared) -> bool:
    difference = row.difference
    assert difference
    assert difference.low is not None
    assert difference.high is not None
    return difference.low <= 0 <= difference.high


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return "; ".join(names[:_MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")
