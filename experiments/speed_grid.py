"""A whole grid of placements by one sweep, by separate processes and by a loop over Keras models."""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from speed_peers.contest import say
from speed_peers.emitter import emitter

from bnjax.flags import Parser
from bnjax.placement import all_placements
from bnjax.sites import VGG7_SITES

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
_CODES = [str(placement) for placement in all_placements(VGG7_SITES)]


class ContestantError(Exception):
    """A contestant failed; the message is one line."""


def main(argv: list[str]) -> int:
    values = _options(argv)
    codes = _CODES[:: len(_CODES) // values.placements][: values.placements]
    sample = codes[:: -(-len(codes) // values.sample)] if values.sample else codes
    with contextlib.ExitStack() as stack:
        emit = emitter(values.out, argv[0], stack)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            _decode_digits(folder, values.image_size)
            emit(_machine())
            vgg7 = partial(_vgg7, folder, values.image_size)
            grid = {"kind": "grid", "image_size": values.image_size, "placements": len(codes)}
            sweep = _sweep_seconds(codes, folder, vgg7)
            emit({**grid, "contestant": "one sweep", "seconds": sweep})
            for name, seconds in (
                ("a process each", _process_seconds(sample, folder, vgg7)),
                ("Keras loop", _keras_seconds(sample, folder)),
            ):
                start, runs = seconds[0], seconds[1:]
                total = start + statistics.fmean(runs) * len(codes)
                record = {**grid, "contestant": name, "seconds": total}
                emit({**record, "timed": len(runs), "seconds_by_run": runs, "ratio": total / sweep})
                say(f"{name}: {total:.0f} s ({len(runs)} of {len(codes)} timed), {total / sweep:.2f} sweeps")
        except ContestantError as error:
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
    from bnjax.train.facts import git_commit, versions

    packages = ("bnjax", "jax", "jaxlib", "flax", "optax", "keras", "numpy")
    return {
        "kind": "machine",
        "cpu_count": os.cpu_count(),
        "versions": versions(packages),
        "git_commit": git_commit(),
    }


def _timed(command: Sequence[str], cache: Path, **changes: str) -> tuple[float, str]:
    """Wall seconds of a program, and what it printed."""
    environment = {**os.environ, "BNJAX_CACHE_DIR": str(cache), **changes}
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise ContestantError(f"{command[1]} failed: {reason}")
    return time.perf_counter() - started, done.stdout


def _vgg7(folder: Path, side: int, *arguments: str) -> list[str]:
    script = str(_FOLDER / "vgg7.py")
    out = tempfile.mkdtemp(dir=folder)
    usual = ["--dataset=digits", f"--image_size={side}", "--epochs=1", f"--out_dir={out}"]
    return [sys.executable, script, *usual, *arguments]


def _decode_digits(folder: Path, side: int) -> None:
    """Data is the same for everyone: it is prepared before anyone is timed."""
    from bnjax.config import Config
    from bnjax.data import in_memory, load_dataset

    dataset = load_dataset(Config(dataset="digits"), (side, side, 3), 4)
    import numpy as np

    train, test = in_memory(dataset.train), in_memory(dataset.test)
    np.savez(
        folder / "digits.npz",
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
    )


def _sweep_seconds(codes: Sequence[str], folder: Path, vgg7: Callable[..., list[str]]) -> float:
    conditions = folder / "conditions.json"
    conditions.write_text(json.dumps([{"placement": code} for code in codes]), encoding="utf-8")
    seconds, out = _timed(vgg7(f"--sweep={conditions}"), folder / "sweep")
    done = out.count('"kind": "summary"')
    if done != len(codes):
        raise ContestantError(f"the sweep made {done} of {len(codes)} runs")
    return seconds


def _process_seconds(codes: Sequence[str], folder: Path, vgg7: Callable[..., list[str]]) -> list[float]:
    """0 to start with, and the seconds of each run."""
    return [0.0] + [_timed(vgg7(f"--placement={code}"), folder / "alone")[0] for code in codes]


def _keras_seconds(codes: Sequence[str], folder: Path) -> list[float]:
    """Start-up of the process, and the seconds of each model."""
    script = str(_FOLDER / "speed_peers/keras_grid.py")
    command = [sys.executable, script, str(folder / "digits.npz"), *codes]
    seconds, out = _timed(command, folder, KERAS_BACKEND="jax")
    runs = json.loads(out.splitlines()[-1])
    return [seconds - sum(runs), *runs]


if __name__ == "__main__":
    sys.exit(main(sys.argv))
