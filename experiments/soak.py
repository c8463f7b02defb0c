"""Kills runs at random moments and compares how they end with runs that nobody disturbed."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bnjax import records
from bnjax.commands.parsing.usage import Parser
from bnjax.settings.command_line import CommandLine

ABOUT = """\
Starts experiments, kills all of their processes (SIGKILL) at random moments, starts them again, until they
end; then compares records (but for times) and final states with those of a start that nobody disturbed.

  python {program} --kills=20           of each: a run alone, a sweep as lanes, a streamed run
  python {program} --minutes=120        goes on with new seeds until the time is over

Exit codes: 0 all ended as if undisturbed, 1 one did not."""

_SMALL = {"width": 16, "dropout": 0.2, "placement": "all", "recipe": "controlled", "batch_size": 32}
#: Beside times: what else depends on when a run was cut.
_APART = (*records.TIMING_FIELDS, "waiting")


class Case(NamedTuple):
    """What is killed: its flags, and so many epochs that it lasts a while."""

    flags: Mapping[str, Any]
    epochs: int


class Outcome(NamedTuple):
    """How often a case was killed, in what state it was then, and what differs from the undisturbed one."""

    kills: int
    before_first_checkpoint: int
    inside_a_write: int
    differences: list[str]


def cases(photographs: Path) -> dict[str, Case]:
    """The three kinds of command lines; the last one reads a folder that :func:`make_photographs` fills."""
    alone = {**_SMALL, "dataset": "digits"}
    streamed = {**_SMALL, "dataset": f"folder:{photographs}", "image_size": 16, "augment": "crop_flip"}
    lanes = {"vary": "negative_slope=0.1|0.3", "activation": "leaky_relu", "lanes": 2, "seeds": 2}
    return {
        "alone": Case(alone, 300),
        "lanes": Case({**alone, **lanes}, 300),
        "streamed": Case(streamed, 100),
    }


def make_photographs(folder: Path) -> None:
    """Three classes of noise, 32 images each."""
    import numpy as np
    from PIL import Image

    draws = np.random.default_rng(0)
    for label in "abc":
        (folder / label).mkdir(parents=True)
        for number in range(40):
            pixels = draws.integers(0, 256, (20, 24, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number:02}.png")


#: Waits for a process: its exit code, or None when it is time to kill it.
Wait = Callable[[subprocess.Popen], int | None]


def to_the_end(process: subprocess.Popen) -> int | None:
    return process.wait()


def after(seconds: float) -> Wait:
    """Waits at most so long."""

    def wait(process: subprocess.Popen) -> int | None:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    return wait


def attempt(case: Case, out_dir: Path, seed: int, wait: Wait, checkpoint_every: int) -> int | None:
    """Starts a case and kills it unless it ends; returns its exit code, or None if it was killed."""
    of_attempt = {"epochs": case.epochs, "seed": seed, "out_dir": out_dir}
    flags = {**case.flags, **of_attempt, "checkpoint_every": checkpoint_every}
    command = CommandLine("mnist", flags).arguments(Path(__file__).resolve().parent)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        code = wait(process)
        if code is None:
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
        return code


def essence(out_dir: Path) -> dict[str, Any]:
    """What has to be equal, by run: epochs without times, the end, and that nothing is left over."""
    found: dict[str, Any] = {}
    for path in sorted(out_dir.glob("*/metrics.jsonl")):
        listed = records.read(path)
        by_kind = {kind: [r for r in listed if r["kind"] == kind] for kind in records.SCHEMA}
        found[path.parent.name] = {
            "epochs": [_without_times(epoch) for epoch in by_kind["epoch"]],
            "summary": [_without_times(summary) for summary in by_kind["summary"]],
            "files": sorted(file.name for file in path.parent.iterdir() if not _expected(file.name)),
        }
    return found


def _without_times(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in _APART}


def _expected(name: str) -> bool:
    # What was recorded before the first checkpoint stays beside the newer file.
    return name in (".lock", records.FILE_NAME) or (name.startswith("metrics.") and name.endswith(".jsonl"))


def soak(case: Case, scratch: Path, kills: int, seed: int, chance: random.Random) -> Outcome:
    """Kills a case so many times, lets it end, and compares it.

    The moments are drawn from the time that an undisturbed start takes, so that some kills meet imports and
    compilations and others the training. Where an attempt comes to its end meanwhile, it begins anew.
    """
    whole, cut = scratch / "whole", scratch / "cut"
    started = time.monotonic()
    if code := attempt(case, whole, seed, to_the_end, 0):
        return Outcome(0, 0, 0, [f"the undisturbed one ended with {code}"])
    lasted, expected = time.monotonic() - started, essence(whole)
    killed = early = inside = 0
    while True:
        wait = after(chance.random() ** 0.5 * lasted) if killed < kills else to_the_end  # rather late
        code = attempt(case, cut, seed, wait, chance.choice((0, 1, 3)))
        if code is None:
            killed += 1
            early += not any(cut.glob("*/checkpoint-*.npz"))
            inside += _is_torn(cut)
            continue
        differences = [f"ended with {code}"] if code else _differences(expected, essence(cut))
        if differences or killed >= kills:
            return Outcome(killed, early, inside, differences)
        shutil.rmtree(cut)


def _is_torn(out_dir: Path) -> bool:
    """Whether a process died while it wrote."""
    texts = (path.read_bytes() for path in out_dir.glob("*/metrics.jsonl"))
    unfinished = (path for path in out_dir.glob("*/.*") if path.name != ".lock")
    return any(unfinished) or any(text and not text.endswith(b"\n") for text in texts)


def _differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    differing = []
    for run in sorted(expected.keys() | found.keys()):
        ours, others = expected.get(run, {}), found.get(run, {})
        differing += [f"{run}: {part}" for part in ours | others if ours.get(part) != others.get(part)]
    return differing


def main(argv: Sequence[str]) -> int:
    import tempfile

    parser = Parser(argv[0], ABOUT)
    parser.add_argument("--kills", type=int, default=20, help="of each case and seed")
    parser.add_argument("--minutes", type=float, default=0.0, help="new seeds until then; 0: one seed")
    parser.add_argument("--draws", type=int, default=0, help="seed of the random moments")
    options = parser.parse_args(argv[1:])
    ends = time.monotonic() + options.minutes * 60
    chance, seed, failed = random.Random(options.draws), 0, False
    with tempfile.TemporaryDirectory() as scratch:
        photographs = Path(scratch) / "photographs"
        make_photographs(photographs)
        while seed == 0 or time.monotonic() < ends:
            for name, case in cases(photographs).items():
                outcome = soak(case, Path(scratch) / f"{name}-{seed}", options.kills, seed, chance)
                failed |= bool(outcome.differences)
                print(json.dumps({"case": name, "seed": seed, **outcome._asdict()}), flush=True)
                shutil.rmtree(Path(scratch) / f"{name}-{seed}")
            seed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
