"""Writes what the documents say of the records in experiments/results, and keeps new ones there.

python experiments/results.py                    tables, pictures and verdicts anew
python experiments/results.py --keep runs        adds the runs below a folder that ended, then the same
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bnjax.commands.parsing.usage import Parser, complain
from bnjax.errors import FAILURES
from bnjax.files import write_whole
from bnjax.report.page.build import folder_report
from bnjax.report.page.documents import with_results, with_schema, with_verdicts
from bnjax.report.page.results import keep, results_pictures

ROOT = Path(__file__).resolve().parents[1]
_RESULTS = ROOT / "experiments/results"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], __doc__ or "")
    parser.add_argument("--keep", type=Path, metavar="RUNS_DIR", help="the --out_dir of the runs to keep")
    arguments = parser.parse_args(argv[1:])
    if arguments.keep and not arguments.keep.is_dir():
        complain(argv[0], f"{arguments.keep} is not a folder of runs")
    return arguments


def _tell(line: str) -> None:
    print(f"results.py: {line}", file=sys.stderr)


def write_documents() -> None:
    """Writes the generated parts of the documents, and the pictures of the results."""
    report = folder_report(_RESULTS)
    for problem in report.problems:
        _tell(problem)
    for picture in results_pictures(report):
        write_whole(_RESULTS / f"{picture.name}.svg", picture.content)
    changes = {
        ROOT / "README.md": lambda text: with_verdicts(text, report),
        _RESULTS / "README.md": lambda text: with_results(text, report),
        ROOT / "bnjax/report/README.md": with_schema,
    }
    for path, change in changes.items():
        write_whole(path, change(path.read_text(encoding="utf-8")).encode())
        _tell(str(path.relative_to(ROOT)))


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    try:
        if arguments.keep:
            kept = keep(arguments.keep, _RESULTS, _tell)
            _tell(f"{len(kept)} runs added to {_RESULTS}")
        write_documents()
    except FAILURES as error:
        _tell(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
