"""What a script calls before anything else; it imports nothing that Python has not loaded already."""

import os
import signal


def exit_at_signals() -> None:
    """From now on SIGINT and SIGTERM end the process at once, with 128 + the number: nothing is lost yet.

    For a script's first line. An exception, such as Python's own for SIGINT, would show a page of imports,
    and is dropped where it happens to be raised in what the import system calls back.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda came, _: os._exit(128 + came))
