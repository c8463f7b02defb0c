"""How long it takes to read records: lines per second, beside what JSON alone takes."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bnjax.commands.parsing.usage import Parser, complain
from bnjax.records import FILE_NAME

ABOUT = """\
Repeats the records of one finished run until there are N lines, reads them as experiments/report.py and
bnjax.report.load do, and prints the median seconds of each.

  python {program} RUN_DIR"""
_ROUNDS = 5
_LINES_PER_FILE = 1000


def main(argv: list[str]) -> int:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help=f"a folder that holds a {FILE_NAME}")
    parser.add_argument("--lines", type=int, default=100_000, metavar="N", help="default 100000")
    options = parser.parse_args(argv[1:])
    source = options.run_dir / FILE_NAME
    if not source.is_file():
        complain(argv[0], f"{options.run_dir} holds no {FILE_NAME}")
    if options.lines < 1 or options.lines % _LINES_PER_FILE:
        complain(argv[0], f"--lines={options.lines}: multiples of {_LINES_PER_FILE} are accepted")
    run, *rest = source.read_text(encoding="utf-8").splitlines(keepends=True)
    epochs = [line for line in rest if json.loads(line)["kind"] == "epoch"]
    if not epochs:
        complain(argv[0], f"{source} holds no epoch")
    lines = (epochs * _LINES_PER_FILE)[: _LINES_PER_FILE - 1]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.lines // _LINES_PER_FILE):
            path = Path(folder, f"{number:06}", FILE_NAME)
            path.parent.mkdir()
            path.write_text("".join([run, *lines]), encoding="utf-8")
        _print_times(Path(folder))
    return 0


def _print_times(folder: Path) -> None:
    import bnjax.report
    from bnjax.report.runs.recorded import load_sound_runs

    ways: dict[str, Callable[[], object]] = {
        "JSON alone": partial(_parsed, folder),
        "checked records": partial(load_sound_runs, folder),
        "bnjax.report.load": partial(bnjax.report.load, folder),
    }
    for name, read in ways.items():
        print(f"{name}: {statistics.median(_seconds(read) for _ in range(_ROUNDS)):.2f} s", flush=True)


def _parsed(folder: Path) -> list[object]:
    return [json.loads(line) for path in folder.rglob(FILE_NAME) for line in path.read_bytes().splitlines()]


def _seconds(read: Callable[[], object]) -> float:
    started = time.perf_counter()
    read()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main(sys.argv))
