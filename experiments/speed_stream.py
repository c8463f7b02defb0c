"""How many images of a folder are decoded a second, by bnjax's stream and by PyTorch's DataLoader."""

import argparse
import functools
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from speed_peers.contest import say
from speed_peers.emitter import emitter

from bnjax.commands.parsing.usage import Parser, complain

ABOUT = """\
Measures training images per second of the pipeline alone: read, decoded, scaled, cut and put into batches.

  python {program} photos/flowers --out=stream.jsonl
  python {program} photos/flowers --image_size=96 --workers=0,2,4

PyTorch's DataLoader does the same work with Pillow, where PyTorch is installed. Contestants take turns, and
processes start anew in each; "first" is the time to the first batch, in which they start; the rate is that
of later batches, without those that were read ahead meanwhile. JSON lines go to stdout, a table to stderr.
Exit codes: 0 done, 2 wrong usage."""

#: Starts reading in a way of its own; yields a batch of images after the other, without an end.
Batches = Callable[[], Iterator[np.ndarray]]


#: Batches after the first that are not timed: those that were read ahead while processes started.
_UNTIMED = 10


class Turn(NamedTuple):
    """Seconds to the first batch, and images per second later on."""

    first: float
    rate: float


def main(argv: list[str]) -> int:
    options = _options(argv)
    emit = emitter(options.out, argv[0])
    from bnjax.data import DataError

    try:
        contestants = _contestants(options)
    except DataError as error:
        complain(argv[0], str(error))
    turns: dict[str, list[Turn]] = {name: [] for name in contestants}
    for _ in range(options.rounds):
        for name, start in contestants.items():
            turns[name].append(_turn(start, options.batches))
    best = max(statistics.median(turn.rate for turn in found) for found in turns.values())
    say(f"{'':24} {'first':>8} {'images/s (least to most)':>28} {'of the best':>12}")
    for name, found in turns.items():
        rates = [turn.rate for turn in found]
        first, rate = (statistics.median(values) for values in zip(*found, strict=True))
        emit({"name": name, "first_seconds": first, "images_per_second": rates, **_asked(options)})
        spread = f"{rate:.1f} ({min(rates):.1f} to {max(rates):.1f})"
        say(f"{name:24} {first:6.2f} s {spread:>28} {rate / best:12.2f}")
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="as of --dataset=folder:FOLDER")
    for name, default, about in (
        ("image_size", 224, "side in pixels"),
        ("batch_size", 32, "images in a batch"),
        ("batches", 20, "timed batches in a turn"),
        ("rounds", 3, "turns of each contestant"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N", help=f"{about}; {default}")
    parser.add_argument("--workers", default="0,2", metavar="N,N", help="processes that decode; 0,2")
    parser.add_argument("--augment", default="none", choices=("none", "crop_flip"), help="none")
    parser.add_argument("--out", default="", metavar="FILE", help="for the JSON lines too")
    options = parser.parse_args(argv[1:])
    for name in ("image_size", "batch_size", "batches", "rounds"):
        if getattr(options, name) < 1:
            complain(argv[0], f"--{name}={getattr(options, name)}: 1 or more is accepted")
    counts = options.workers.split(",")
    if not all(count.isdecimal() for count in counts):
        complain(argv[0], f"--workers={options.workers} is no list of numbers such as 0,2")
    options.workers = [int(count) for count in dict.fromkeys(counts)]
    return options


def _asked(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("image_size", "batch_size", "batches", "augment")}


def _contestants(options: argparse.Namespace) -> dict[str, Batches]:
    found: dict[str, Batches] = {}
    for workers in options.workers:
        found[f"bnjax, {workers} workers"] = functools.partial(_ours, options, workers)
    _open(options, 0)  # what is wrong with the folder is told before anything is measured
    try:
        from speed_peers.dataloader import batches
    except ModuleNotFoundError as error:
        say(f"PyTorch is left out: {error}")
        return found
    from bnjax.data.sources.folder_layout import find_layout

    files = [str(file.path) for file in find_layout(options.folder).splits["train"]]
    for workers in options.workers:
        name = f"PyTorch, {workers} workers"
        cropped = options.augment == "crop_flip"
        found[name] = functools.partial(
            batches, files, options.image_size, options.batch_size, workers, cropped
        )
    return found


def _open(options: argparse.Namespace, workers: int) -> Any:
    from bnjax.data.sources.folder import load_folder
    from bnjax.data.stream import ReadingOptions

    reading = ReadingOptions("always", workers, options.augment)
    return load_folder(options.folder, options.image_size, "stop", reading).train


def _ours(options: argparse.Namespace, workers: int) -> Iterator[np.ndarray]:
    from bnjax.data import train_batches
    from bnjax.data.batches import TrainOrder

    stream = _open(options, workers)
    order = TrainOrder(len(stream), options.batch_size, "epoch", 0)
    for epoch in itertools.count(1):
        for batch in train_batches(stream, order, epoch):
            yield batch.images


def _turn(start: Batches, count: int) -> Turn:
    started = time.perf_counter()
    batches = start()
    next(batches)
    first = time.perf_counter() - started
    for _ in itertools.islice(batches, _UNTIMED):
        pass
    running = time.perf_counter()
    images = sum(len(batch) for batch in itertools.islice(batches, count))
    return Turn(first, images / (time.perf_counter() - running))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
