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
from bnjax.report.figures.drawing import save_png
from bnjax.report.figures.pictures import drawings, seed_drawings
from bnjax.report.page.build import folder_report, runs_to_report
from bnjax.report.page.html import as_html
from bnjax.report.page.plain import as_csv, as_markdown
from bnjax.report.page.printed import printed_report

if TYPE_CHECKING:
    from bnjax.report.page.document import Section

ABOUT = """\
Recorded runs as tables and figures, beside what the authors of the experiments published.

  python {program} runs                               tables on stdout
  python {program} runs --figures=figures             and the published figures with our data
  python {program} runs --out=report.html             one page with all of it; --out=report.md in Markdown
  python {program} runs --format=csv --out=tables     the page's tables, a file each"""
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


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
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


def _speed_sections(arguments: argparse.Namespace) -> "list[Section]":
    if not arguments.speed:
        return []
    from speed_peers.measurement_files import load_speed
    from speed_peers.section import speed_section

    return [speed_section(load_speed(arguments.speed), pictures=arguments.format != "csv")]


def _page(arguments: argparse.Namespace) -> None:
    """Writes or prints the page; reports what of the records cannot be read, and uses the rest."""
    kind, out = arguments.format, arguments.out
    speed = _speed_sections(arguments)
    report = folder_report(arguments.runs_dir, arguments.epoch, pictures=kind != "csv", more=speed)
    _tell(*report.problems)
    if kind == "csv":
        write_whole_folder(out, {name: table.encode() for name, table in as_csv(report).items()})
    else:
        page = {"html": as_html, "markdown": as_markdown}[kind](report)
        if not out:
            write_stdout(page)
            return
        write_whole(out, page.encode())
    _tell(str(out))


def _print(arguments: argparse.Namespace) -> None:
    runs, problems = runs_to_report(arguments.runs_dir, arguments.epoch)
    _tell(*problems)
    write_stdout(printed_report(runs, arguments.epoch))


def _draw(arguments: argparse.Namespace) -> None:
    runs, _ = runs_to_report(arguments.runs_dir, arguments.epoch)
    both = [*drawings(runs, arguments.epoch), *seed_drawings(runs, arguments.epoch)]
    for path in save_png(both, arguments.figures):
        _tell(str(path))
    if not both:
        _tell(f"--figures={arguments.figures}: {_NO_FIGURE}")


def _tell(*lines: str) -> None:
    for line in lines:
        print(f"report.py: {line}", file=sys.stderr)


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    try:
        if arguments.format:
            _page(arguments)
        else:
            _print(arguments)
        if arguments.figures:
            _draw(arguments)
    except FAILURES as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
