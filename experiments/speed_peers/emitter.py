"""Where the records of a speed measurement go."""

from pathlib import Path
from typing import Any

from bnjax.commands.parsing.usage import complain
from bnjax.files import check_writable, write_whole
from bnjax.process.stdout import write_stdout
from bnjax.records import json_line
from speed_peers.contest import Emit


def emitter(out: str, program: str) -> Emit:
    """What writes a record to stdout and, where that is asked for, to a file.

    The file takes the place of an older one with its first record.

    Raises:
      SystemExit: with 2 after a line on stderr, where the file cannot be written.
    """
    lines: list[str] = []
    if out:
        _check(Path(out), program)

    def emit(record: dict[str, Any]) -> None:
        lines.append(json_line(record))
        write_stdout(lines[-1])
        if out:
            write_whole(Path(out), "".join(lines).encode())

    return emit


def _check(out: Path, program: str) -> None:
    if not out.parent.is_dir():
        complain(program, f"--out={out}: No such file or directory")
    if out.is_dir():
        complain(program, f"--out={out}: Is a directory")
    try:
        check_writable(out.parent)
    except OSError as error:
        complain(program, f"--out={out}: {error.strerror}")
