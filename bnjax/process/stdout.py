"""Standard output: written at once, so that a full disk is noticed where it happens. Imports no JAX."""

import os
import sys


def write_stdout(text: str) -> None:
    """Writes and flushes; a reader that has gone away ends nothing.

    Raises:
      OSError: it cannot be written; nothing more is written there then.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is left in its buffer would fail once more when Python ends, with an exit code of its own.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # stays open to the end
        if not isinstance(error, BrokenPipeError):
            raise
