"""Progress bars on stderr, by tqdm. Imports no JAX."""

import sys
import threading

from tqdm import tqdm

__all__ = ["say", "skip", "tqdm"]

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
    """A line on stderr, above a progress bar."""
    with tqdm.external_write_mode():
        print(line, file=sys.stderr, flush=True)
