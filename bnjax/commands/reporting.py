"""``bnjax report`` and ``experiments/report.py``: recorded runs as tables and figures."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.commands.usage import Parser, complain, name_of
from bnjax.errors import FAILURES
from bnjax.files import write_whole, write_whole_folder
from bnjax.process.stdout import write_stdout
from bnjax.report.figures.drawing import save_png
from bnjax.report.figures.pictures import drawings, seed_drawings
from bnjax.report.page.build import folder_report, runs_to_report
from bnjax.report.page.html import as_html
from bnjax.report.page.plain import as_csv, as_markdown
from bnjax.report.page.printed import printed_report

if TYPE_CHECKING:
    from bnjax.report.page.document import Section

#: Files of measurements, and whether to draw them -> their section of the page.
SpeedSection = Callable[[Sequence[Path], bool], "Section"]

ABOUT = """\
Recorded runs as tables and figures, beside what the authors of the experiments published.

  {typed} runs                               tables on stdout
  {typed} runs --figures=figures             and the published figures with our data
  {typed} runs --out=report.html             one page with all of it; --out=report.md in Markdown
  {typed} runs --format=csv --out=tables     the page's tables, a file each"""
#: Format of the page -> what the names of its files end in; CSV is a folder of files.
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "html": (".html", ".htm"),
    "markdown": (".md", ".markdown"),
    "csv": (),
}
_NO_FIGURE = (
    "nothing to draw: no published comparison has ended runs of more than half of its conditions, by the "
    "published recipe on its data set (VGG7, MobileNetV2 and fine-tuning: on any)"
)


def _arguments(argv: Sequence[str], shows_speed: bool) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("runs_dir", type=Path, metavar="RUNS_DIR", help="the --out_dir of the runs")
    parser.add_argument(
        "epoch", type=_epoch, nargs="?", help="the last that counts (default: CIFAR-10 5, others all)"
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="where to draw the published figures as PNG"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PATH",
        help="write one page to this file, .html or .md; with --format=csv a file for each table to this "
        "folder, which is new or empty",
    )
    parser.add_argument(
        "--format",
        choices=tuple(_SUFFIXES),
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
    arguments = parser.parse_args(argv[1:])
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
    if arguments.out:
        return _wrong_out(arguments.out, arguments.format)
    if arguments.format == "csv":
        return "--format=csv is a file for each table: give --out=FOLDER too"
    return ""


def _wrong_out(out: Path, kind: str | None) -> str:
    if not out.absolute().parent.is_dir():
        return f"--out={out}: the folder {out.parent} does not exist"
    if not kind and not _format_of(out):
        accepted = ", ".join([*_SUFFIXES["html"], *_SUFFIXES["markdown"]])
        return f"--out={out} ends in none of {accepted}; --format=csv writes tables to a folder"
    if kind == "csv":
        if out.suffix == ".csv":
            return f"--out={out}: --format=csv writes a file for each table; name a folder for them"
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

    def page(self) -> None:
        """Writes or prints the page; says what of the records cannot be read, and uses the rest."""
        kind, out = self._asked.format, self._asked.out
        report = folder_report(
            self._asked.runs_dir, self._asked.epoch, pictures=kind != "csv", more=self._speed()
        )
        self._tell(*report.problems)
        if kind == "csv":
            write_whole_folder(out, {name: table.encode() for name, table in as_csv(report).items()})
        else:
            page = {"html": as_html, "markdown": as_markdown}[kind](report)
            if not out:
                write_stdout(page)
                return
            write_whole(out, page.encode())
        self._tell(str(out))

    def _speed(self) -> "list[Section]":
        if not (self._speed_section and self._asked.speed):
            return []
        return [self._speed_section(self._asked.speed, self._asked.format != "csv")]

    def short_form(self) -> None:
        """Prints the tables alone."""
        runs, problems = runs_to_report(self._asked.runs_dir, self._asked.epoch)
        self._tell(*problems)
        write_stdout(printed_report(runs, self._asked.epoch))

    def figures(self) -> None:
        """Draws the published figures with our data."""
        runs, _ = runs_to_report(self._asked.runs_dir, self._asked.epoch)
        both = [*drawings(runs, self._asked.epoch), *seed_drawings(runs, self._asked.epoch)]
        for path in save_png(both, self._asked.figures):
            self._tell(str(path))
        if not both:
            self._tell(f"--figures={self._asked.figures}: {_NO_FIGURE}")

    def _tell(self, *lines: str) -> None:
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
    name = name_of(argv[0])
    reporter = _Reporter(name, arguments, speed_section)
    try:
        if arguments.format:
            reporter.page()
        else:
            reporter.short_form()
        if arguments.figures:
            reporter.figures()
    except FAILURES as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    return 0
