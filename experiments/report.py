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
from bnjax.report.mnist import LAST_EPOCHS, mnist_table
from bnjax.report.tables import cifar10_table, provenance


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        complain(self.prog, message)


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(Path(argv[0]).name, description=__doc__)
    parser.add_argument("runs_dir", type=Path, metavar="RUNS_DIR", help="the --out_dir of the runs")
    parser.add_argument("epoch", type=int, nargs="?", default=5, help="of the CIFAR-10 table (default 5)")
    parser.add_argument(
        "--figures", type=Path, metavar="DIR", help="where to draw the figures of MNIST as PNG"
    )
    arguments = parser.parse_args(argv[1:])
    if not arguments.runs_dir.is_dir():
        complain(argv[0], f"{arguments.runs_dir} is not a folder of runs")
    return arguments


def _of_model(runs: Sequence[RecordedRun], model: str) -> list[RecordedRun]:
    return [run for run in runs if run.run["config"]["model"] == model]


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    try:
        runs = load_runs(arguments.runs_dir)
        mnist = _of_model(runs, "mlp")
        if not mnist or len(mnist) < len(runs):
            cifar10 = _of_model(runs, "cnn")
            print(f"{cifar10_table(cifar10, arguments.epoch)}\n")
            print(f"Test accuracy after epoch {arguments.epoch}; {provenance(cifar10)}.")
        if mnist:
            unfinished = sum(not run.summary or run.summary["status"] != "done" for run in mnist)
            print(f"{mnist_table(mnist)}\n")
            means = f"Accuracies are means of the last {LAST_EPOCHS} epochs"
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
