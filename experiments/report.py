"""Recorded runs as tables and figures, beside what the authors of the experiments published."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.commands.flags import Parser, complain
from bnjax.errors import FAILURES
from bnjax.files import write_whole, write_whole_folder
from bnjax.process.stdout import write_stdout
from bnjax.report.figures.drawing import FORMS, save_figures
from bnjax.report.figures.plots import WIDTHS
from bnjax.report.page.build import Folder, all_drawings, read_folder, report_of
from bnjax.report.page.html import as_html
from bnjax.report.page.latex import as_latex
from bnjax.report.page.plain import as_csv, as_markdown
from bnjax.report.page.short import short_form
from bnjax.report.sections.side_by_side import UnknownConditionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bnjax.report.page.document import Report, Section

ABOUT = """\
Recorded runs as tables and figures: conditions side by side, and what published texts claim of them.

  python {program} runs                               conditions and verdicts on stdout
  python {program} runs --against=none                differences from this condition, not from the first
  python {program} runs --figures=figures             and figures as PNG
  python {program} runs --out=report.html             one page with all of it; --out=report.md in Markdown
  python {program} runs --format=csv --out=tables     all tables, a file each; --format=latex for papers"""
#: Format of the page -> what the names of its files end in.
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown"),
}
#: Formats that are a folder with a file for each table, and what makes them.
_FOLDERS: dict[str, "Callable[[Report], dict[str, str]]"] = {"csv": as_csv, "latex": as_latex}
_NO_FIGURE = "nothing to draw: no run has come to its last epoch with finite losses"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
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
        help="what speed.py --out wrote, to be shown on the page; may be given several times",
    )
    arguments = parser.parse_args(argv[1:])
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


def _speed_sections(arguments: argparse.Namespace) -> "list[Section]":
    if not arguments.speed:
        return []
    from speed_peers.measurement_files import load_speed
    from speed_peers.section import speed_section

    return [speed_section(load_speed(arguments.speed), pictures=arguments.format not in _FOLDERS)]


def _page(folder: Folder, arguments: argparse.Namespace) -> None:
    """Writes or prints the page."""
    kind, out = arguments.format, arguments.out
    report = report_of(folder, pictures=kind not in _FOLDERS, more=_speed_sections(arguments))
    if kind in _FOLDERS:
        write_whole_folder(out, {name: table.encode() for name, table in _FOLDERS[kind](report).items()})
    else:
        page = {"html": as_html, "markdown": as_markdown}[kind](report)
        if not out:
            write_stdout(page)
            return
        write_whole(out, page.encode())
    _tell(str(out))


def _draw(folder: Folder, arguments: argparse.Namespace) -> None:
    found = all_drawings(folder)
    for path in save_figures(found, arguments.figures, arguments.figure_format, arguments.figure_width):
        _tell(str(path))
    if not found:
        _tell(f"--figures={arguments.figures}: {_NO_FIGURE}")


def _tell(*lines: str) -> None:
    for line in lines:
        print(f"report.py: {line}", file=sys.stderr)


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    try:
        folder = read_folder(arguments.runs_dir, arguments.epoch, arguments.against)
        _tell(*folder.problems)
        if arguments.format:
            _page(folder, arguments)
        else:
            write_stdout(as_markdown(short_form(report_of(folder, pictures=False))))
        if arguments.figures:
            _draw(folder, arguments)
    except UnknownConditionError as error:
        complain(argv[0], str(error))
    except FAILURES as error:
        _tell(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
