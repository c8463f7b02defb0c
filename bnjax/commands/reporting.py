"""``bnjax report`` and ``experiments/report.py``: recorded runs as tables and figures."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.commands.parsing.plugin_flag import load_given_plugin
from bnjax.commands.parsing.usage import Parser, complain, name_of
from bnjax.errors import FAILURES
from bnjax.files import write_whole, write_whole_folder
from bnjax.process.stdout import write_stdout
from bnjax.report.figures.drawing import FORMS, save_figures
from bnjax.report.figures.plots import WIDTHS
from bnjax.report.page.build import Folder, all_drawings, read_folder, report_of
from bnjax.report.page.html_page import as_html
from bnjax.report.page.latex import as_latex
from bnjax.report.page.plain import as_csv, as_markdown
from bnjax.report.page.short import short_form
from bnjax.report.sections.side_by_side import UnknownConditionError

if TYPE_CHECKING:
    from bnjax.report.page.document import Report, Section

#: Files of measurements, and whether to draw them -> their section of the page.
SpeedSection = Callable[[Sequence[Path], bool], "Section"]

ABOUT = """\
Recorded runs as tables and figures: conditions side by side, and what published texts claim of them.

  {typed} runs                               conditions and verdicts on stdout
  {typed} runs --against=none                differences from this condition, not from the first
  {typed} runs --figures=figures             and figures as PNG
  {typed} runs --out=report.html             one page with all of it; --out=report.md in Markdown
  {typed} runs --format=csv --out=tables     all tables, a file each; --format=latex for papers"""
#: Format of the page -> what the names of its files end in.
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown"),
}
#: Formats that are a folder with a file for each table, and what makes them.
_FOLDERS: "dict[str, Callable[[Report], dict[str, str]]]" = {"csv": as_csv, "latex": as_latex}
_NO_FIGURE = "nothing to draw: no run has come to its last epoch with finite losses"


def _arguments(argv: Sequence[str], shows_speed: bool) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("runs_dir", type=Path, metavar="RUNS_DIR", help="the --out_dir of the runs")
    parser.add_argument("epoch", type=_epoch, nargs="?", help="the last that counts (default: all)")
    parser.add_argument(
        "--against", default="", metavar="CONDITION", help="whom others are held against (default: the first)"
    )
    parser.add_argument("--figures", type=Path, metavar="DIR", help="where to draw figures")
    parser.add_argument("--figure_format", choices=tuple(FORMS), default="png", help="of their files")
    parser.add_argument(
        "--figure_width", choices=tuple(WIDTHS), default="", help="of a paper (default: as on a screen)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="write one page to this file, .html or .md; with --format=csv or latex a file for each "
        "table to this folder, which is new or empty",
    )
    parser.add_argument(
        "--format",
        choices=(*_SUFFIXES, *_FOLDERS),
        help="of the page (default: as --out ends); without --out html and markdown are printed",
    )
    parser.add_argument(
        "--speed",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="what speed.py --out wrote, to be shown on the page; may be given several times"
        if shows_speed
        else argparse.SUPPRESS,
    )
    parser.add_argument(
        "--plugin", metavar="FILE.py", help="the file of your own that the runs were made with"
    )
    arguments = parser.parse_args(argv[1:])
    load_given_plugin(argv)
    if arguments.speed and not shows_speed:
        complain(argv[0], "--speed is of experiments/report.py, beside the scripts that measure it")
    if wrong := _wrong_usage(arguments):
        complain(argv[0], wrong)
    arguments.format = arguments.format or _format_of(arguments.out)
    return arguments


def _epoch(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an epoch, 1 or more")
    return int(text)


def _wrong_usage(arguments: argparse.Namespace) -> str:
    """What is wrong with flags that do not fit each other or the disk; empty where nothing is."""
    if not arguments.runs_dir.is_dir():
        return f"{arguments.runs_dir} is not a folder of runs"
    if arguments.speed and not (arguments.out or arguments.format):
        return "--speed is shown on the page: give --out or --format too"
    if arguments.figures and arguments.figures.exists() and not arguments.figures.is_dir():
        return f"--figures={arguments.figures} is not a folder"
    if not arguments.figures and (arguments.figure_width or arguments.figure_format != "png"):
        return "--figure_format and --figure_width say how figures are drawn: give --figures=DIR too"
    if arguments.out:
        return _wrong_out(arguments.out, arguments.format)
    if arguments.format in _FOLDERS:
        return f"--format={arguments.format} is a file for each table: give --out=FOLDER too"
    return ""


def _wrong_out(out: Path, kind: str | None) -> str:
    if not out.absolute().parent.is_dir():
        return f"--out={out}: the folder {out.parent} does not exist"
    if not kind and not _format_of(out):
        accepted = ", ".join([*_SUFFIXES["html"], *_SUFFIXES["markdown"]])
        return f"--out={out} ends in none of {accepted}; --format=csv writes tables to a folder"
    if kind in _FOLDERS:
        if out.suffix in (".csv", ".tex"):
            return f"--out={out}: --format={kind} writes a file for each table; name a folder for them"
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            return f"--out={out} exists already; name a new folder or an empty one for the tables"
    elif kind and out.suffix.lower() not in _SUFFIXES[kind]:
        return f"--out={out} does not end in {' or '.join(_SUFFIXES[kind])}, as --format={kind} does"
    return ""


def _format_of(out: Path | None) -> str | None:
    suffix = out.suffix.lower() if out else ""
    return next((kind for kind, suffixes in _SUFFIXES.items() if suffix in suffixes), None)


class _Reporter:
    """Makes what the arguments ask for.

    Args:
      name: what lines on stderr begin with.
    """

    def __init__(self, name: str, arguments: argparse.Namespace, speed_section: SpeedSection | None) -> None:
        self._name, self._asked, self._speed_section = name, arguments, speed_section

    def page(self, folder: Folder) -> None:
        """Writes or prints the page."""
        kind, out = self._asked.format, self._asked.out
        report = report_of(folder, pictures=kind not in _FOLDERS, more=self._speed())
        if kind in _FOLDERS:
            write_whole_folder(out, {name: table.encode() for name, table in _FOLDERS[kind](report).items()})
        else:
            page = {"html": as_html, "markdown": as_markdown}[kind](report)
            if not out:
                write_stdout(page)
                return
            write_whole(out, page.encode())
        self.tell(str(out))

    def _speed(self) -> "list[Section]":
        if not (self._speed_section and self._asked.speed):
            return []
        return [self._speed_section(self._asked.speed, self._asked.format not in _FOLDERS)]

    def figures(self, folder: Folder) -> None:
        """Draws all figures to files."""
        asked, found = self._asked, all_drawings(folder)
        for path in save_figures(found, asked.figures, asked.figure_format, asked.figure_width):
            self.tell(str(path))
        if not found:
            self.tell(f"--figures={asked.figures}: {_NO_FIGURE}")

    def tell(self, *lines: str) -> None:
        """Says lines to people, on stderr."""
        for line in lines:
            print(f"{self._name}: {line}", file=sys.stderr)


def report(argv: Sequence[str], speed_section: SpeedSection | None = None) -> int:
    """Reports recorded runs as a command line asks.

    Args:
      argv: the program as it was called, and its arguments.
      speed_section: shows measurements of speed; without it they are refused.

    Returns:
      The exit code.

    Raises:
      SystemExit: for help, or after a line about wrong usage.
    """
    arguments = _arguments(argv, speed_section is not None)
    reporter = _Reporter(name_of(argv[0]), arguments, speed_section)
    try:
        folder = read_folder(arguments.runs_dir, arguments.epoch, arguments.against)
        reporter.tell(*folder.problems)
        if arguments.format:
            reporter.page(folder)
        else:
            write_stdout(as_markdown(short_form(report_of(folder, pictures=False))))
        if arguments.figures:
            reporter.figures(folder)
    except UnknownConditionError as error:
        complain(argv[0], str(error))
    except FAILURES as error:
        reporter.tell(str(error))
        return 1
    return 0
