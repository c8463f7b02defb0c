"""Feeds bnjax what no careful user would: command lines, records, weights and images that are broken."""

import contextlib
import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from fuzz_inputs import arguments, damaged, sample_images, sample_records, sample_weights
from fuzz_reports import fuzz_reports
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnjax import records
from bnjax.architectures import ARCHITECTURES
from bnjax.commands.parsing.flags import command_from_flags
from bnjax.commands.parsing.usage import Parser
from bnjax.data.picture import BadImageError, decode_picture, stored_pixels, strict_decoding
from bnjax.placement import PlacementError, parse_placement
from bnjax.settings.config import Config
from bnjax.weights.hdf5 import WeightsError, read_numbers, reading, stored_layers

ABOUT = """\
Feeds what bnjax reads (placements, flags, records, weights, images) with random and damaged input. All of it
has to be accepted or answered in one line, in little time and memory; nothing may be run, unpickled or
written elsewhere. Then damages whole runs and makes every form of the report: a damaged run counts exactly
as it was recorded, or is left out and named.

  python {program} --cases=100000       over all kinds together
  python {program} --cases=0            damaged runs alone

Exit codes: 0 nothing was found, 1 an input that is not answered as it should be; it is printed."""

#: Seconds of processor time, more than any case may take; others may keep the machine busy meanwhile.
_SECONDS = 20
#: KiB by which the cases of a kind may let a process grow; it may be large for another reason.
_MOST_MEMORY = 1_500_000
#: Of the cases, by kind: what takes longer gets fewer.
SHARES = {"placement": 0.4, "records": 0.25, "images": 0.15, "flags": 0.1, "weights": 0.1}
#: What a reader of data has no reason for.
_FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.fork", "socket.connect")
_WORDS = (
    "none all conv dense depthwise block1 fc fc/dense1 cBrcr-crcr-drdBr dBr : , / - * ? [ ] ! before absent"
)

_SETTINGS = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))


class FoundError(Exception):
    """An input that was not answered as it should be."""


def one_line(error: BaseException) -> None:
    """An answer that a user can read."""
    if len(str(error).splitlines()) > 1:
        raise FoundError(f"not one line: {error!r}")


def check_placement(text: str, model: str) -> None:
    try:
        parse_placement(text, Config(model=model, hidden_layers=2).sites)
    except PlacementError as error:
        one_line(error)


def check_flags(arguments: Sequence[str]) -> None:
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
            command_from_flags(["x.py", *arguments], "cifar10")
    except SystemExit as end:
        lines = len(told.getvalue().splitlines())
        if (end.code, lines) not in ((0, 0), (2, 1)):
            raise FoundError(f"{arguments}: {end.code}, {told.getvalue()!r}") from None


def check_records(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    reading = records.read_sound(path)
    for line in map(records.json_line, reading.records):  # what is read can be written again
        line.encode()
    problems = [reading.bad, reading.out_of_order, *reading.notices]
    if any(len(problem.splitlines()) > 1 for problem in problems):
        raise FoundError(f"not one line: {problems!r}")
    try:
        records.find_summary(path)
    except records.RecordError as error:
        one_line(error)


def check_weights(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    try:
        with reading(path) as file:
            for layer in stored_layers(file, ["conv2d", "dense"]):
                for dataset in layer.datasets:
                    read_numbers(dataset, (3, 4))
    except (OSError, WeightsError) as error:
        one_line(error)


def check_image(content: bytes) -> None:
    for decode in (partial(decode_picture, side=8), partial(stored_pixels, shape=(12, 14, 3))):
        try:
            decode(content)
        except BadImageError as error:
            one_line(error)


def checks(scratch: Path) -> dict[str, tuple[Callable[..., None], tuple[st.SearchStrategy, ...]]]:
    """Kind -> what has to hold, and what it is tried with."""
    word = st.one_of(st.sampled_from(_WORDS.split()), st.text(max_size=4))
    texts = st.one_of(st.text(max_size=60), st.lists(word, max_size=10).map("".join))
    values = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=6), inner)),
        max_leaves=8,
    )
    lines = st.lists(values.map(json.dumps), max_size=3).map("\n".join).map(str.encode)
    written = st.one_of(damaged([sample_records()]), lines, st.binary(max_size=80))
    weights = st.one_of(damaged(sample_weights(scratch / "sample.h5")), st.binary(max_size=80))
    images = st.one_of(damaged(sample_images()), st.binary(max_size=80))
    return {
        "placement": (check_placement, (texts, st.sampled_from(tuple(ARCHITECTURES)))),
        "records": (partial(check_records, path=scratch / "metrics.jsonl"), (written,)),
        "images": (check_image, (images,)),
        "flags": (check_flags, (arguments(),)),
        "weights": (partial(check_weights, path=scratch / "weights.h5"), (weights,)),
    }


@contextlib.contextmanager
def watched(scratch: Path) -> Iterator[None]:
    """Whoever runs, unpickles or connects to something inside, or writes elsewhere, is found."""
    watching = True

    def watch(event: str, arguments: tuple) -> None:
        if not watching:
            return
        if event in _FORBIDDEN:
            raise FoundError(f"{event} {arguments!r}")
        if event == "open" and isinstance(arguments[0], (str, bytes)) and isinstance(arguments[2], int):
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and not os.fsdecode(arguments[0]).startswith((str(scratch), os.devnull)):
                raise FoundError(f"writes to {arguments[0]!r}")

    sys.addaudithook(watch)  # for ever, so it has to be told when it is over
    try:
        yield
    finally:
        watching = False


def fuzz(kind: str, cases: int, scratch: Path, same: bool = False) -> int:
    """Tries so many cases of a kind; returns how many were tried.

    Args:
      same: the same ones every time.

    Raises:
      Exception: whatever an input led to that it must not; hypothesis prints the smallest such input.
    """
    check, strategies = checks(scratch)[kind]
    tried = 0

    @settings(_SETTINGS, max_examples=cases, derandomize=same)
    @given(st.tuples(*strategies))
    def one(given: tuple) -> None:
        nonlocal tried
        tried += 1
        # Ends the process: a decoder that hangs hears no exception.
        signal.setitimer(signal.ITIMER_PROF, _SECONDS)
        check(*given)
        signal.setitimer(signal.ITIMER_PROF, 0)

    before = _most_memory()
    with watched(scratch), strict_decoding():
        one()
    grown = _most_memory() - before
    if grown > _MOST_MEMORY:
        raise FoundError(f"{kind}: {grown} KiB of memory")
    return tried


def _most_memory() -> int:
    """What this process has had at most, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(argv: Sequence[str]) -> int:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("--cases", type=int, default=100_000, help="of all kinds together")
    parser.add_argument("--runs", type=int, default=10_000, help="that are damaged and reported")
    options = parser.parse_args(argv[1:])
    with tempfile.TemporaryDirectory() as scratch:
        for kind, share in SHARES.items() if options.cases else ():
            started = time.monotonic()
            tried = fuzz(kind, round(options.cases * share), Path(scratch))
            seconds = round(time.monotonic() - started, 1)
            print(json.dumps({"kind": kind, "cases": tried, "seconds": seconds}), flush=True)
        started = time.monotonic()
        tried = fuzz_reports(options.runs, Path(scratch))
        seconds = round(time.monotonic() - started, 1)
        print(json.dumps({"kind": "reports", "cases": tried, "seconds": seconds}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
