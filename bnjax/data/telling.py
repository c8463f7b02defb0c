"""What people should know of the data they train on: a line on stderr."""

import multiprocessing

from bnjax.process.bar import say


def tell(line: str) -> None:
    """Prints a line; in a sweep its parent does, since its processes load the same set."""
    if multiprocessing.parent_process() is None:
        say(line)
