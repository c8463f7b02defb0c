"""One process makes a run: who else comes finds it claimed, until that process ends, however it ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bnjax.errors import UserError


class ClaimedError(UserError):
    """Another process is making the run at this moment."""


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Holds a run's folder, which appears with the claim.

    The operating system frees the lock of a process that dies, so a claim never outlives its holder.

    Raises:
      ClaimedError: another process holds it.
      OSError: the folder cannot be written to.
    """
    from filelock import FileLock, Timeout  # it imports much

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise ClaimedError(f"another process is making the run in {folder}") from None
    try:
        yield
    finally:
        lock.release()
