"""Files and folders that appear whole or not at all, and the folders that a user need not name."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

_UNFINISHED = re.compile(r"\.\d+-.+")
_PAGE = bytes(4096)


def home() -> Path:
    """The user's folder; one below the temporary folder where none is known, as in containers."""
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return Path(tempfile.gettempdir()) / f"bnjax-{os.getuid()}"


def cache_dir() -> Path:
    """``$BNJAX_CACHE_DIR``, else ``$XDG_CACHE_HOME/bnjax``, else ``.cache/bnjax`` in the user's folder."""
    if own := os.environ.get("BNJAX_CACHE_DIR"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "bnjax"


def write_whole(path: Path, content: bytes) -> None:
    """Puts a file in the place of an older one, when all of it is on the disk.

    What is no file, such as a pipe or a device, is written to.

    Raises:
      OSError: it cannot be written; names the file, which is as it was before.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path = path.resolve()  # a link stays one
    unfinished = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def write_whole_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes a folder with these files, when all of them are on the disk; an empty one may be there already.

    Raises:
      OSError: it cannot be written, or holds files already; names the folder, which is as it was before.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{os.getpid()}-") as above:
            unfinished = Path(above, folder.name)
            unfinished.mkdir()
            for name, content in files.items():
                write_whole(unfinished / name, content)
            unfinished.replace(folder)
    except OSError as error:
        error.filename, error.filename2 = str(folder), None
        raise


def remove_unfinished(folder: Path) -> None:
    """Deletes what a process that was killed had begun to write; nobody else may write there now."""
    for path in folder.iterdir():
        if _UNFINISHED.fullmatch(path.name):
            path.unlink(missing_ok=True)


def check_writable(folder: Path) -> None:
    """Tries to write to a folder, or to where it would be made; leaves nothing behind.

    Raises:
      OSError: that cannot be done; names the place.
    """
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(_PAGE)
    except OSError as error:
        raise type(error)(error.errno, f"cannot be written to ({error.strerror})", str(place)) from None
