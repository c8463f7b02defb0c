"""Kills a whole sweep every few minutes until it ends, and looks at its memory and its records."""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bnjax import records
from bnjax.commands.parsing.usage import Parser

ABOUT = """\
Starts a command line, kills all of its processes (SIGKILL) every few minutes and starts it again, until it
ends by itself; then says how often it was killed, what memory its processes took in the two halves of their
lives, and whether the records of its runs are whole. Linux only.

  python {program} --every=5 --out_dir=runs experiments/vgg7.py --sweep=grid --seeds=3 --dataset=digits

Exit codes: 0 all records whole, 1 not."""

_SECONDS_BETWEEN_LOOKS = 5.0
#: Of a process, in seconds: what its imports and first compilations take, and how long it has to live on.
_YOUNG, _SHORTEST_LIFE = 60.0, 60.0
_MIB = 2**20


def kill_until_it_ends(command: Sequence[str], minutes: float, chance: random.Random, log: Path) -> tuple:
    """Runs a command line to its end.

    Returns:
      Its exit code, how often it was killed, and for each process [(age in seconds, resident bytes), ...].
    """
    kills, seen = 0, defaultdict(list)
    while True:
        with (
            log.open("ab") as output,
            subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True) as process,
        ):
            ends = time.monotonic() + minutes * 60 * chance.uniform(0.5, 1.5)
            while process.poll() is None and time.monotonic() < ends:
                for pid, age, resident in _processes(process.pid):
                    seen[kills, pid].append((age, resident))
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            if process.poll() is not None:
                return process.returncode, kills, dict(seen)
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1


def _processes(session: int) -> Iterator[tuple[int, float, int]]:
    """(pid, age in seconds, resident bytes) of a session's processes."""
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[3]) == session:
            age = uptime - int(fields[19]) / os.sysconf("SC_CLK_TCK")
            yield int(folder.name), age, int(fields[21]) * os.sysconf("SC_PAGE_SIZE")


def memory(seen: dict[Any, list[tuple[float, int]]]) -> dict[str, Any]:
    """The most that processes held in the earlier and in the later half of their lives, in MiB.

    A sweep's process holds more with each program that it compiles, and then gives all of them up: of halves
    that have seen this a few times, the most can be compared.
    """
    pairs = []
    for looks in seen.values():
        grown_up = [(age, size / _MIB) for age, size in looks if age >= _YOUNG]
        if not grown_up or grown_up[-1][0] < _YOUNG + _SHORTEST_LIFE:
            continue
        middle = (grown_up[0][0] + grown_up[-1][0]) / 2
        earlier = max(size for age, size in grown_up if age <= middle)
        pairs.append((earlier, max(size for age, size in grown_up if age > middle)))
    if not pairs:
        return {"processes": 0}
    return {
        "processes": len(pairs),
        "earlier_mib": round(statistics.median(earlier for earlier, _ in pairs), 1),
        "later_mib": round(statistics.median(later for _, later in pairs), 1),
        "median_ratio": round(statistics.median(later / earlier for earlier, later in pairs), 4),
        "most_ratio": round(max(later / earlier for earlier, later in pairs), 4),
    }


def broken_runs(out_dir: Path) -> tuple[int, int, list[str]]:
    """How many runs there are, how often they went on, and what is wrong with which."""
    wrong, goings_on, paths = [], 0, sorted(out_dir.glob("*/metrics.jsonl"))
    for path in paths:
        reading = records.read_sound(path)
        if reading.bad or reading.notices:
            wrong += [*filter(None, [reading.bad]), *reading.notices]
            continue
        found = reading.records
        runs = [record for record in found if record["kind"] == "run"]
        epochs = [record["epoch"] for record in found if record["kind"] == "epoch"]
        goings_on += len(runs) - 1
        if epochs != list(range(1, runs[0]["config"]["epochs"] + 1)):
            wrong.append(f"{path}: epochs {epochs}")
        if not records.ended(found):
            wrong.append(f"{path}: not ended")
        left = {
            file.name for file in path.parent.iterdir() if file.name.startswith((".metrics", "checkpoint"))
        }
        wrong += [f"{path.parent}: {name} is left" for name in sorted(left)]
    return len(paths), goings_on, wrong


def main(argv: Sequence[str]) -> int:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("--every", type=float, default=5.0, help="minutes between kills, on average")
    parser.add_argument("--out_dir", required=True, help="given to the command as well")
    parser.add_argument("--log", default="soak.log", help="what the command prints")
    parser.add_argument("--draws", type=int, default=0, help="seed of the random moments")
    parser.add_argument("command", nargs="...", help="a script and its flags")
    options = parser.parse_args(argv[1:])
    if not options.command:
        parser.error("a script and its flags are missing, such as experiments/vgg7.py --sweep=grid")
    out_dir, started = Path(options.out_dir), time.monotonic()
    command = [sys.executable, *options.command, f"--out_dir={out_dir}"]
    code, kills, seen = kill_until_it_ends(
        command, options.every, random.Random(options.draws), Path(options.log)
    )
    runs, goings_on, wrong = broken_runs(out_dir)
    outcome = {
        "exit_code": code,
        "minutes": round((time.monotonic() - started) / 60, 1),
        "kills": kills,
        "runs": runs,
        "went_on": goings_on,
        "memory": memory(seen),
        "wrong": wrong,
    }
    print(json.dumps(outcome), flush=True)
    return 1 if wrong or code else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
