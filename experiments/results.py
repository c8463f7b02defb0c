"""Writes the README's results from the records in experiments/results, and keeps new ones there.

python experiments/results.py                    tables and pictures anew
python experiments/results.py --keep runs        adds the runs below a folder that ended, then the same
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bnjax.commands.usage import Parser, complain
from bnjax.errors import FAILURES
from bnjax.files import write_whole
from bnjax.report.page.results import keep, with_results

_HERE = Path(__file__).parent
_RESULTS, _README = _HERE / "results", _HERE.parent / "README.md"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], __doc__ or "")
    parser.add_argument("--keep", type=Path, metavar="RUNS_DIR", help="the --out_dir of the runs to keep")
    arguments = parser.parse_args(argv[1:])
    if arguments.keep and not arguments.keep.is_dir():
        complain(argv[0], f"{arguments.keep} is not a folder of runs")
    return arguments


def _tell(line: str) -> None:
    print(f"results.py: {line}", file=sys.stderr)


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    try:
        if arguments.keep:
            kept = keep(arguments.keep, _RESULTS, _tell)
            print(f"results.py: {len(kept)} runs added to {_RESULTS}", file=sys.stderr)
        readme = with_results(_README.read_text(encoding="utf-8"), _RESULTS, _tell)
        write_whole(_README, readme.encode())
    except FAILURES as error:
        print(f"results.py: {error}", file=sys.stderr)
        return 1
    print(f"results.py: {_README}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
