"""Folders that a user need not name. Imports no JAX."""

import os
import tempfile
from pathlib import Path

from bnjax.settings import ConfigError


def home() -> Path:
    """The user's folder; one below the temporary folder where none is known, as in containers."""
    try:
        return Path.home()
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return Path(tempfile.gettempdir()) / f"bnjax-{os.getuid()}"


def expanded(path: str | Path) -> Path:
    """A path without ``~``.

    Raises:
      ConfigError: no folder is known that ``~`` could mean.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{path}: no home folder is known for ~ here; give the path without it") from None
