"""Where the records of a speed measurement go."""

import contextlib
import sys
from typing import Any

from bnjax.commands.flags import complain
from bnjax.records import json_line
from speed_peers.contest import Emit


def emitter(out: str, program: str, stack: contextlib.ExitStack) -> Emit:
    """What writes a record to stdout and, where that is asked for, to a file.

    Raises:
      SystemExit: with 2 after a line on stderr, where the file cannot be written.
    """
    files = [sys.stdout]
    if out:
        try:
            file = open(out, "w", encoding="utf-8")  # noqa: SIM115  # the stack closes it
        except OSError as error:
            complain(program, f"--out={out}: {error.strerror}")
        files.append(stack.enter_context(file))

    def emit(record: dict[str, Any]) -> None:
        for file in files:
            file.write(json_line(record))
            file.flush()

    return emit
