"""One process makes a run: its folder is locked until that process ends, however it ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bnjax.errors import UserError


class LockedError(UserError):
    """Another process is making the run at this moment."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the lock on a run's folder, which is made for it.

    The operating system frees the lock of a process that dies, so no lock outlives its holder.

    Raises:
      LockedError: another process holds it.
      OSError: the folder cannot be written to.
    """
    from filelock import FileLock, Timeout  # it imports much

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise LockedError(f"another process is making the run in {folder}") from None
    try:
        yield
    finally:
        lock.release()
