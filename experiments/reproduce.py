"""Makes the runs that the answers of studies and papers rest on, by commands fixed before any of them."""

import argparse
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from bnjax.commands.parsing.usage import USAGE_ERROR, Parser, complain

ABOUT = """\
Makes the runs that the answers of the five studies rest on: many seeds of every condition, by both recipes;
and those of papers. Cut short, by --hours or by Ctrl-C, the same command goes on where it was.

  python {program} --list                                          the commands, with placeholders
  python {program} --study=mnist --data_dir=DATA --hours=8         one study, a night of it
  python {program} --data_dir=DATA --photos=PHOTOS --weights=KERAS.h5   everything

DATA is a folder of TensorFlow Datasets with cifar10 and mnist. PHOTOS holds the folders clothing and flowers,
each with train, val or test, and within them a folder for each class. What needs a folder that is not given
is left out and said. Afterwards `python experiments/results.py --keep OUT_DIR` writes the answers.

Exit codes: 0 all done, 1 a command failed, 2 wrong usage, 3 the hours are over, 130 interrupted."""

_HOURS_OVER = 3
_RECIPES = ("published", "controlled")
#: Seconds that a sweep has to save its runs and end, on a busy machine too, after which it is killed; nothing
#: recorded is lost.
_TO_END = 600.0


#: Runs of small dense networks that train as one program: a few seconds in place of minutes.
_SIDE_BY_SIDE = 32


class Piece(NamedTuple):
    """One command.

    Attributes:
      study: whose question it answers, and the name of its command.
      asks: what it is for, in a few words.
      flags: as typed, with ``{data}``, ``{photos}`` and ``{weights}`` for what the user names.
      beside: what it is for where its runs can decide no claim; empty where they can.
    """

    study: str
    asks: str
    flags: str
    beside: str = ""

    def arguments(self, places: dict[str, str]) -> list[str]:
        """The flags with the user's places.

        Raises:
          KeyError: one of them is not given.
        """
        return [flag.format_map(places) for flag in self.flags.split()]


def _both(study: str, asks: str, flags: str) -> Iterator[Piece]:
    for recipe in _RECIPES:
        yield Piece(study, f"{asks}, {recipe}", f"--recipe={recipe} {flags}")


def _pieces() -> Iterator[Piece]:
    """Sizes, epochs and seeds of everything, cheap ones first within each study.

    They are smaller than the published experiments where two cores need days for those; no number of seeds
    depends on what earlier seeds showed.
    """
    for sweep in ("bn-or-not", "leaky", "optimizers", "batch-sizes"):
        yield from _both("mnist", sweep, f"--sweep={sweep} --epochs=100 --seeds=20 --data_dir={{data}}")
    for photos in ("flowers", "clothing"):
        folder = f"--dataset=folder:{{photos}}/{photos}"
        yield from _both(
            "vgg7",
            f"each block on {photos}",
            f"--sweep=groups {folder} --image_size=32 --train_images=400 --epochs=100 --seeds=8",
        )
        yield from _both(
            "mobilenet",
            f"before or after on {photos}",
            f"--sweep=order-bias {folder} --image_size=64 --epochs=80 --seeds=10 --probes=dying,activations",
        )
    yield Piece(
        "vgg7",
        "each site and pair on flowers",
        "--sweep=grid --dataset=folder:{photos}/flowers --image_size=32 --train_images=400 --epochs=100 "
        "--seeds=3",
        "effects of sites and pairs, which no text claims: 32 and 16 differences a seed",
    )
    for images, epochs in ((1000, 100), (5000, 40), (25000, 15)):
        flags = f"--sweep=groups --train_images={images} --epochs={epochs} --seeds=5 --data_dir={{data}}"
        between = "where between few and many the answer turns" if images == 5000 else ""
        yield Piece("vgg7", f"{images:,} images of CIFAR-10", flags, between)
    yield from _both(
        "cifar10",
        "the twelve conditions",
        "--sweep=conditions --train_images=20000 --epochs=20 --seeds=5 --data_dir={data}",
    )
    yield Piece(
        "mobilenet",
        "before or after on CIFAR-10",
        "--sweep=order --dataset=cifar10 --image_size=32 --train_images=10000 --epochs=50 --seeds=10 "
        "--probes=dying,activations --data_dir={data}",
    )
    for photos in ("clothing", "flowers"):
        for sweep in ("separate", "keras2"):
            yield Piece(
                "finetune",
                f"{sweep} on {photos}",
                f"--sweep={sweep} --weights={{weights}} --input_scale=unit "
                f"--dataset=folder:{{photos}}/{photos} --image_size=139 --epochs=15 --seeds=5",
                "what Keras 2.2 made of frozen; the text names no version" if sweep == "keras2" else "",
            )


def _papers() -> Iterator[Piece]:
    """The same of papers: each the smallest experiment that can show what it claims."""
    for paper, sweeps, seeds in (
        ("yang2019", ("depth", "deviations", "activations", "slopes", "step"), 10),
        ("daneshmand2020", ("relu", "linear", "width"), 10),
        ("daneshmand2021", ("depth", "width"), 10),
        ("lu2019", ("depth", "width", "bn-or-not"), 60),
        ("de2020", ("depth",), 10),
        ("xiong2020", ("orders",), 10),
    ):
        for sweep in sweeps:
            yield Piece(paper, sweep, f"--sweep={sweep} --seeds={seeds} --data_dir={{data}}")
    for paper, sweep, seeds in (
        ("ioffe2015", "bn-or-not", 6),
        ("li2018", "dropout", 8),
        ("santurkar2018", "noise", 8),
        ("mehta2019", "optimizers", 8),
        ("chen2019", "orders", 8),
        ("ioffe2017", "batches", 8),
        ("wu2021", "batches", 8),
        ("wu2021", "groups", 8),
        ("hoffer2017", "batches", 8),
    ):
        flags = f"--sweep={sweep} --seeds={seeds} --lanes={_SIDE_BY_SIDE} --data_dir={{data}}"
        yield Piece(paper, sweep, flags)
    for paper, sweep in (("frankle2020", "trained"), ("bjorck2018", "rates"), ("he2016", "orders")):
        yield Piece(paper, sweep, f"--sweep={sweep} --seeds=5")


PIECES = (*_pieces(), *_papers())
STUDIES = tuple(dict.fromkeys(piece.study for piece in PIECES))


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("--study", choices=STUDIES, help="this one alone; all of them otherwise")
    parser.add_argument("--hours", type=float, help="stop after so many, keeping what is there")
    parser.add_argument("--list", action="store_true", help="print the commands and run none")
    parser.add_argument(
        "--dry_run", action="store_true", help="tell how long each would take on this machine"
    )
    parser.add_argument("--out_dir", type=Path, default=Path("runs"), help="where the records go (runs)")
    parser.add_argument("--jobs", help="runs side by side (one on each core)")
    parser.add_argument("--data_dir", type=Path, help="a folder of TensorFlow Datasets")
    parser.add_argument("--photos", type=Path, help="a folder that holds clothing/ and flowers/")
    parser.add_argument("--weights", type=Path, help="Keras's InceptionV3, .h5 or .weights.h5")
    arguments = parser.parse_args(argv[1:])
    for name in ("data_dir", "photos", "weights"):
        path = getattr(arguments, name)
        if path and not path.exists():
            complain(argv[0], f"--{name}={path} does not exist")
    if arguments.hours is not None and not arguments.hours > 0:
        complain(argv[0], f"--hours={arguments.hours:g} is not above 0")
    return arguments


def _places(arguments: argparse.Namespace) -> dict[str, str]:
    named = {"data": arguments.data_dir, "photos": arguments.photos, "weights": arguments.weights}
    if arguments.list:
        return {name: str(path or name.upper()) for name, path in named.items()}
    return {name: str(path.resolve()) for name, path in named.items() if path}


def _say(line: str) -> None:
    print(f"reproduce.py: {line}", file=sys.stderr)


def _run(command: Sequence[str], ends: float, dry: bool) -> int:
    """Runs a command until it ends or its time is over.

    Its progress stays on stderr. Its records go to files, so what it prints is of use in a dry run alone.
    """
    with subprocess.Popen(command, stdout=None if dry else subprocess.DEVNULL) as process:
        try:
            return process.wait(timeout=max(ends - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            process.terminate()
            _wait_or_kill(process)
            return _HOURS_OVER
        except KeyboardInterrupt:
            _wait_or_kill(process)  # it has heard Ctrl-C as well, and saves its runs
            raise


def _wait_or_kill(process: subprocess.Popen) -> None:
    try:
        process.wait(timeout=_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()


def _commands(arguments: argparse.Namespace) -> Iterator[tuple[Piece, list[str]]]:
    places = _places(arguments)
    for piece in PIECES:
        if arguments.study not in (None, piece.study):
            continue
        try:
            flags = piece.arguments(places)
        except KeyError as missing:
            flag = {"data": "data_dir"}.get(missing.args[0], missing.args[0])
            _say(f"left out without --{flag}: {piece.study}, {piece.asks}")
            continue
        jobs = [f"--jobs={arguments.jobs}"] if arguments.jobs else []
        yield piece, [piece.study, *flags, f"--out_dir={arguments.out_dir}", *jobs]


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    commands = list(_commands(arguments))
    if arguments.list:
        print("\n".join(f"bnjax {shlex.join(command)}" for _, command in commands))
        return 0
    if not commands:
        complain(argv[0], "nothing to do: name --data_dir, --photos or --weights")
    ends = time.monotonic() + arguments.hours * 3600 if arguments.hours else float("inf")
    failed = []
    try:
        for number, (piece, command) in enumerate(commands, 1):
            _say(f"{number} of {len(commands)}: {piece.study}, {piece.asks}")
            dry = ["--dry_run"] if arguments.dry_run else []
            code = _run([sys.executable, "-m", "bnjax", *command, *dry], ends, arguments.dry_run)
            if code == _HOURS_OVER:
                _say("the hours are over; the same command goes on")
                return _HOURS_OVER
            if code == USAGE_ERROR:
                return USAGE_ERROR
            if code:
                failed.append(f"{piece.study}, {piece.asks}")
    except KeyboardInterrupt:
        _say("interrupted; the same command goes on")
        return 128 + signal.SIGINT
    for line in failed:
        _say(f"failed or diverged in part: {line}")
    if not arguments.dry_run:
        _say(f"done; `python experiments/results.py --keep {arguments.out_dir}` writes the answers")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
