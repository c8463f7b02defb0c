"""Recorded runs as tables and figures, beside what the authors of the experiments published.

With --out=report.html as one page, with --format as the same page in Markdown or CSV.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnjax.commands.flags import Parser, complain
from bnjax.records import RecordError
from bnjax.report.figures.mnist_figures import save_mnist_figures
from bnjax.report.figures.vgg7_figures import save_vgg7_figures
from bnjax.report.runs.recorded import RecordedRun, of_study
from bnjax.report.runs.selected import first_epochs
from bnjax.report.sections.mnist import LAST_EPOCHS, finished, mnist_table
from bnjax.report.sections.tables import cifar10_table, provenance
from bnjax.report.sections.vgg7 import vgg7_groups
from bnjax.report.sections.vgg7_tables import vgg7_report

if TYPE_CHECKING:
    from bnjax.report.page.document import Section
from bnjax.files import write_whole
from bnjax.report.runs.recorded import load_sound_runs, without_mislabelled

_CIFAR10_EPOCH = 5
#: Studies that have tables.
_STUDIES = ("cifar10", "mnist", "vgg7")


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], __doc__ or "")
    parser.add_argument("runs_dir", type=Path, metavar="RUNS_DIR", help="the --out_dir of the runs")
    parser.add_argument(
        "epoch", type=_epoch, nargs="?", help="the last that counts (default: CIFAR-10 5, others all)"
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="where to draw figures of MNIST and VGG7 as PNG"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write one page there (HTML, or as --format says)"
    )
    parser.add_argument(
        "--format", choices=("html", "markdown", "csv"), help="of the page; without --out printed"
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
    if not arguments.runs_dir.is_dir():
        complain(argv[0], f"{arguments.runs_dir} is not a folder of runs")
    if arguments.speed and not (arguments.out or arguments.format):
        complain(argv[0], "--speed is shown on the page: give --out or --format too")
    return arguments


def _epoch(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an epoch, 1 or more")
    return int(text)


def _print_cifar10(runs: Sequence[RecordedRun], epoch: int) -> None:
    print(f"{cifar10_table(runs, epoch)}\n")
    print(f"Test accuracy after epoch {epoch}; {provenance(runs)}.\n")


def _print_mnist(runs: Sequence[RecordedRun], unfinished: int, epoch: int | None) -> None:
    print(f"{mnist_table(runs)}\n")
    until = f" up to epoch {epoch}" if epoch else ""
    means = f"Accuracies are means of the last {LAST_EPOCHS} epochs{until}"
    print(f"{means}; {provenance(runs)}; {unfinished} left out, unfinished or diverged.\n")


def _report(runs: Sequence[RecordedRun], epoch: int | None, figures: Path | None) -> None:
    """Prints the tables of what was run, and draws its figures where a folder for them is given."""
    cifar10, mnist, vgg7 = (of_study(runs, study) for study in _STUDIES)
    if cifar10:
        _print_cifar10(cifar10, epoch or _CIFAR10_EPOCH)
    if mnist:
        unfinished = len(mnist) - len(finished(mnist))
        mnist = first_epochs(mnist, epoch) if epoch else mnist
        _print_mnist(mnist, unfinished, epoch)
    groups = vgg7_groups(vgg7, epoch)
    for group in groups:
        print(f"{vgg7_report(group)}\n")
    if vgg7 and not groups:
        print(f"report.py: no run of VGG7 has {epoch} epochs", file=sys.stderr)
    if figures:
        for path in (*save_mnist_figures(mnist, figures), *save_vgg7_figures(groups, figures)):
            print(f"report.py: {path}", file=sys.stderr)


def _speed_sections(files: Sequence[Path], pictures: bool) -> "list[Section]":
    from speed_peers.measurement_files import load_speed
    from speed_peers.section import speed_section

    return [speed_section(load_speed(files), pictures)]


def _page(arguments: argparse.Namespace) -> None:
    """Writes or prints the page; what of the records cannot be read is told and the rest is used."""
    from bnjax.report.page.build import folder_report
    from bnjax.report.page.html import as_html
    from bnjax.report.page.plain import as_csv, as_markdown

    kind = arguments.format or "html"
    write = {"html": as_html, "markdown": as_markdown, "csv": as_csv}[kind]
    speed = _speed_sections(arguments.speed, kind != "csv") if arguments.speed else []
    report = folder_report(arguments.runs_dir, arguments.epoch, pictures=kind != "csv", more=speed)
    for problem in report.problems:
        print(f"report.py: {problem}", file=sys.stderr)
    page = write(report)
    if arguments.out:
        write_whole(arguments.out, page.encode())
        print(f"report.py: {arguments.out}", file=sys.stderr)
    else:
        sys.stdout.write(page)


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    try:
        if arguments.out or arguments.format:
            _page(arguments)
            return 0
        runs, problems = load_sound_runs(arguments.runs_dir)
        runs, mislabelled = without_mislabelled(runs)
        for problem in (*problems, *mislabelled):
            print(f"report.py: {problem}", file=sys.stderr)
        if not any(run.study in _STUDIES for run in runs):
            names = ", ".join(_STUDIES)
            print(f"report.py: no runs of {names} in {arguments.runs_dir}", file=sys.stderr)
            return 1
        _report(runs, arguments.epoch, arguments.figures)
    except (RecordError, LookupError, OSError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
