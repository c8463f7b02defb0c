"""A whole grid of placements by one sweep, by separate processes and by a loop over Keras models."""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from speed_peers.contest import say
from speed_peers.contestants import CONTESTANTS
from speed_peers.emitter import emitter
from speed_peers.networks import Task
from speed_peers.processes import WorkerError, available_cores
from speed_peers.sweep import peer_seconds, timed

from bnjax.architectures.vgg7 import VGG7_SITES
from bnjax.commands.parsing.usage import Parser
from bnjax.placement import all_placements
from bnjax.settings.command_line import CommandLine

ABOUT = """\
Times VGG7 at every placement for one epoch on digits, compilation included: as one sweep, as a process for
each placement, and as a loop over the same models in Keras (on JAX) in one process.

  python {program}                       all 64; takes long
  python {program} --placements=8        every eighth one
  python {program} --sample=0            times every separate process and Keras model, not four of them
  python {program} --image_size=8        digits as they are, not enlarged to 32 x 32: less arithmetic

Every contestant starts without compiled programs on disk. JSON lines go to stdout, a summary to stderr.
Exit codes: 0 done, 1 a contestant failed, 2 wrong usage.
"""
_FOLDER = Path(__file__).resolve().parent
_LARGEST_SIDE = 224
#: Of the experiment.
_BATCH_SIZE = 32
_CODES = [str(placement) for placement in all_placements(VGG7_SITES)]


def main(argv: list[str]) -> int:
    values = _options(argv)
    codes = _CODES[:: len(_CODES) // values.placements][: values.placements]
    sample = codes[:: -(-len(codes) // values.sample)] if values.sample else codes
    with contextlib.ExitStack() as stack:
        emit = emitter(values.out, argv[0])
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            emit(_machine())
            vgg7 = partial(_vgg7, folder, values.image_size)
            grid = {"kind": "grid", "image_size": values.image_size, "placements": len(codes)}
            sweep = _sweep_seconds(codes, folder, vgg7)
            emit({**grid, "contestant": "one sweep", "seconds": sweep})
            for name, seconds in (
                ("a process each", _process_seconds(sample, folder, vgg7)),
                ("Keras loop", _keras_seconds(sample, folder, values.image_size)),
            ):
                start, runs = seconds[0], seconds[1:]
                total = start + statistics.fmean(runs) * len(codes)
                record = {**grid, "contestant": name, "seconds": total}
                emit({**record, "timed": len(runs), "seconds_by_run": runs, "ratio": total / sweep})
                say(f"{name}: {total:.0f} s ({len(runs)} of {len(codes)} timed), {total / sweep:.2f} sweeps")
        except WorkerError as error:
            say(f"speed_grid.py: {error}")
            return 1
        say(f"one sweep: {sweep:.0f} s for {len(codes)} placements")
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument(
        "--placements",
        type=partial(_number, 1, len(_CODES)),
        default=64,
        metavar="N",
        help="1 to 64; default 64",
    )
    parser.add_argument(
        "--sample",
        type=partial(_number, 0, len(_CODES)),
        default=4,
        metavar="N",
        help="how many of the separate runs are timed; 0: all; default 4",
    )
    parser.add_argument(
        "--image_size",
        type=partial(_number, 4, _LARGEST_SIDE),
        default=32,
        metavar="N",
        help=f"pixels on a side, 4 to {_LARGEST_SIDE}; default 32",
    )
    parser.add_argument("--out", default="", metavar="FILE", help="for the JSON lines that also go to stdout")
    return parser.parse_args(argv[1:])


def _number(lowest: int, highest: int, text: str) -> int:
    if not text.isdecimal() or not lowest <= int(text) <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {lowest} to {highest}")
    return int(text)


def _machine() -> dict[str, Any]:
    from bnjax.runs.recording.run_record import git_commit, versions

    packages = ("bnjax", "jax", "jaxlib", "flax", "optax", "keras", "numpy")
    return {
        "kind": "machine",
        "cpu_count": os.cpu_count(),
        "versions": versions(packages),
        "git_commit": git_commit(),
    }


def _timed(command: Sequence[str], cache: Path) -> tuple[float, str]:
    return timed(command, {**os.environ, "BNJAX_CACHE_DIR": str(cache)})


def _vgg7(folder: Path, side: int, **flags: Any) -> list[str]:
    out = tempfile.mkdtemp(dir=folder)
    usual = {"dataset": "digits", "image_size": side, "epochs": 1, "out_dir": out}
    return CommandLine("vgg7", {**usual, **flags}).arguments(_FOLDER)


def _sweep_seconds(codes: Sequence[str], folder: Path, vgg7: Callable[..., list[str]]) -> float:
    conditions = folder / "conditions.json"
    conditions.write_text(json.dumps([{"placement": code} for code in codes]), encoding="utf-8")
    seconds, out = _timed(vgg7(sweep=conditions), folder / "sweep")
    done = out.count('"kind": "summary"')
    if done != len(codes):
        raise WorkerError(f"the sweep made {done} of {len(codes)} runs")
    return seconds


def _process_seconds(codes: Sequence[str], folder: Path, vgg7: Callable[..., list[str]]) -> list[float]:
    """0 to start with, and the seconds of each run."""
    return [0.0] + [_timed(vgg7(placement=code), folder / "alone")[0] for code in codes]


def _keras_seconds(codes: Sequence[str], folder: Path, side: int) -> list[float]:
    """Start-up of the process, and the seconds of each model."""
    task = Task("vgg7", _BATCH_SIZE, available_cores(), side, epoch_data="digits")
    seconds, runs = peer_seconds(CONTESTANTS["keras-jax"], task, list(map(_norms, codes)), folder / "keras")
    return [seconds - sum(runs), *runs]


def _norms(code: str) -> str:
    """Which units have a norm, as tasks tell it: ``cBrcr-crcr-drdr`` -> ``100000``."""
    return "".join("01"["B" in unit] for unit in code.split("r")[:-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv))
