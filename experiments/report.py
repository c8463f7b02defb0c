"""Recorded runs as tables and figures, beside what the authors of the experiments published."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bnjax.flags import complain
from bnjax.records import RecordError
from bnjax.report.figures import save_mnist_figures
from bnjax.report.load import RecordedRun, load_runs
from bnjax.report.mnist import LAST_EPOCHS, finished, mnist_table
from bnjax.report.select import first_epochs
from bnjax.report.tables import cifar10_table, provenance

_CIFAR10_EPOCH = 5


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        complain(self.prog, message)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(Path(argv[0]).name, description=__doc__)
    parser.add_argument("runs_dir", type=Path, metavar="RUNS_DIR", help="the --out_dir of the runs")
    parser.add_argument(
        "epoch", type=_epoch, nargs="?", help="the last that counts (default: CIFAR-10 5, MNIST all)"
    )
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="where to draw the figures of MNIST as PNG"
    )
    arguments = parser.parse_args(argv[1:])
    if not arguments.runs_dir.is_dir():
        complain(argv[0], f"{arguments.runs_dir} is not a folder of runs")
    return arguments


def _epoch(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not an epoch, 1 or more")
    return int(text)


def _of_model(runs: Sequence[RecordedRun], model: str) -> list[RecordedRun]:
    return [run for run in runs if run.run["config"]["model"] == model]


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    try:
        runs = load_runs(arguments.runs_dir)
        cifar10, mnist = _of_model(runs, "cnn"), _of_model(runs, "mlp")
        if not cifar10 and not mnist:
            print(f"report.py: no runs of the CNN or the MLP in {arguments.runs_dir}", file=sys.stderr)
            return 1
        if cifar10:
            epoch = arguments.epoch or _CIFAR10_EPOCH
            print(f"{cifar10_table(cifar10, epoch)}\n")
            print(f"Test accuracy after epoch {epoch}; {provenance(cifar10)}.\n")
        if mnist:
            unfinished = len(mnist) - len(finished(mnist))
            if arguments.epoch:
                mnist = first_epochs(mnist, arguments.epoch)
            print(f"{mnist_table(mnist)}\n")
            until = f" up to epoch {arguments.epoch}" if arguments.epoch else ""
            means = f"Accuracies are means of the last {LAST_EPOCHS} epochs{until}"
            print(f"{means}; {provenance(mnist)}; {unfinished} left out, unfinished or diverged.")
        if arguments.figures:
            for path in save_mnist_figures(mnist, arguments.figures):
                print(f"report.py: {path}", file=sys.stderr)
    except (RecordError, OSError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
