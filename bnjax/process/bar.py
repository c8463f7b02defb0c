"""Progress bars on stderr, by tqdm. Imports no JAX."""

import contextlib
import shutil
import sys
import threading
from collections.abc import Callable, Iterator

from tqdm import tqdm

__all__ = ["heard_by", "over_anothers_bar", "say", "skip", "tqdm"]

#: Who hears what would be said on stderr; the last one does.
_hearers: list[Callable[[str], None]] = []

# tqdm's own lock is a semaphore of the system. A process that ends at once leaves it behind, and Python's
# resource tracker then complains after the prompt. Only threads draw bars here.
tqdm.set_lock(threading.RLock())


def skip(bar: tqdm, count: int) -> None:
    """Moves a bar on by what was done before it began, which says nothing about its speed."""
    if bar.disable:
        return
    bar.initial += count
    bar.n += count
    bar.last_print_n += count


def say(line: str) -> None:
    """A line for people: on stderr, above a progress bar, or to whoever hears it instead."""
    if _hearers:
        _hearers[-1](line)
    elif sys.stderr is not None:
        with tqdm.external_write_mode():
            print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def heard_by(hear: Callable[[str], None]) -> Iterator[None]:
    """What is said inside goes to ``hear`` and not to stderr."""
    _hearers.append(hear)
    try:
        yield
    finally:
        _hearers.remove(hear)


@contextlib.contextmanager
def over_anothers_bar() -> Iterator[None]:
    """What is said inside takes the place of a bar that another process draws on the same terminal."""

    def hear(line: str) -> None:
        if sys.stderr is None:
            return
        wide = shutil.get_terminal_size().columns if sys.stderr.isatty() else 0
        print(f"\r{line:<{wide}}" if wide else line, file=sys.stderr, flush=True)

    with heard_by(hear):
        yield
