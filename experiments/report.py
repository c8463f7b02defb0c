"""Recorded runs as a table, beside what the author of the experiment logged."""

import sys
from pathlib import Path

from bnjax.flags import complain
from bnjax.records import RecordError
from bnjax.report.load import load_runs
from bnjax.report.tables import cifar10_table, provenance

USAGE = "usage: python experiments/report.py RUNS_DIR [EPOCH]"


def main(argv: list[str]) -> int:
    if {"--help", "-h"}.intersection(argv):
        print(f"{__doc__}\n{USAGE}")
        return 0
    if len(argv) not in (2, 3):
        complain(argv[0], USAGE)
    if not Path(argv[1]).is_dir():
        complain(argv[0], f"{argv[1]} is not a folder of runs")
    epoch = argv[2] if len(argv) == 3 else "5"
    if not epoch.isdigit():
        complain(argv[0], f"EPOCH {epoch!r} is not a number; {USAGE}")
    try:
        runs = load_runs(Path(argv[1]))
    except RecordError as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
    print(f"{cifar10_table(runs, int(epoch))}\n\nTest accuracy after epoch {epoch}; {provenance(runs)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
