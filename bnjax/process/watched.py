"""A process that is watched by its parent, for what a process cannot tell of itself. Imports no JAX.

Where another process of ``jax.distributed`` dies, JAX's runtime writes a page to stderr and aborts this one,
from a thread of its own; a Python function in the place of that abort ends in ``std::bad_cast`` (seen with
jaxlib 0.10.2). So the process that was started only waits for one that does the work, and says in a line how
that ended. What native code writes, such as Gloo's lines on stdout, goes to a file that is shown only where
it explains something.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import BinaryIO, NoReturn

#: The exit code by which the process that works says that it has lost another one.
_LOST = 75
_FAILED = 1
_VARIABLE = "BNJAX_WATCHED"
_OF_JAX = "JAX distributed service detected fatal errors"
#: What JAX writes before the reason, and so do we.
_REASON = "absl::Status: "
_LOST_LINE = (
    "another process of the run has ended or cannot be reached ({reason}); start all of them again, and the "
    "run goes on after its last checkpoint"
)
_ABSENT_LINE = "the other processes did not come in time ({reason}); --initialization_timeout waits longer"


def watched(work: Callable[[], int], program: str) -> int:
    """Has the work of this program done by a second process, which is started with the same arguments.

    Returns:
      The exit code, in the process that watches; the other one ends in here.
    """
    if _VARIABLE in os.environ:
        _begin()
        _leave(_code_of(work))
    return _watch(program)


def _code_of(work: Callable[[], int]) -> int:
    try:
        return work()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else _FAILED
    except BaseException:
        traceback.print_exc()
        return _FAILED


def _watch(program: str) -> int:
    """Starts this program once more, and waits for it.

    SIGINT and SIGTERM are handed on. If this process dies, the other one ends too.

    Returns:
      The exit code: the other one's, or 1 after a line on stderr if it was lost or killed.
    """
    lifeline, ours = os.pipe()
    with tempfile.TemporaryFile() as said:
        inherited = (lifeline, said.fileno())
        process = subprocess.Popen(
            [sys.executable, *sys.orig_argv[1:]],
            env={**os.environ, _VARIABLE: ",".join(map(str, inherited))},
            pass_fds=inherited,
            process_group=0,  # Ctrl-C comes once, from here
        )
        os.close(lifeline)

        def hand_on(number: int, frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, hand_on)
        code = process.wait()
        os.close(ours)
        return _told(program, code, said)


def _told(program: str, code: int, said: BinaryIO) -> int:
    if code in (-signal.SIGINT, -signal.SIGTERM):  # before it could hear them
        return 128 - code
    if 0 <= code != _LOST:
        return code
    said.seek(0)
    text = said.read().decode(errors="replace")
    if code == _LOST or _OF_JAX in text:
        [reason] = re.findall(f"{_REASON}(.*)", text)[:1] or ["no reason is known"]
        line = (_ABSENT_LINE if "RegisterTask" in text else _LOST_LINE).format(reason=reason)
    else:
        sys.stderr.write(text)
        line = f"its process {os.path.basename(sys.executable)} was ended by signal {-code}"
    print(f"{program}: {line}", file=sys.stderr)
    return _FAILED


def lost(reason: str) -> int:
    """The exit code of a process that has lost another one, for the one that watches it, which tells why."""
    os.write(2, f"{_REASON}{reason}\n".encode())
    return _LOST


def _begin() -> None:
    """Sets what native code writes apart from what Python writes, and ends this process with its parent."""
    lifeline, said = map(int, os.environ[_VARIABLE].split(","))
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not None:
            stream.flush()
            kept = os.dup(number)
            apart = open(kept, "w", 1, stream.encoding, stream.errors)  # noqa: SIM115  # stays open to the end
            setattr(sys, name, apart)
            os.dup2(said, number)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing ever comes; it ends when the parent has
    os._exit(_FAILED)


def _leave(code: int) -> NoReturn:
    """Ends this process without JAX's farewell, which waits for processes that may be gone."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(code)
