"""Compiled programs kept for the next start, and damaged ones replaced."""

import re
import warnings
from pathlib import Path
from typing import Any

from bnjax.process.bar import say

#: What JAX warns where an entry cannot be read; it then compiles, but never overwrites an entry.
_DAMAGED = re.compile(r"Error reading persistent compilation cache entry for '([^']*)'")
_SECONDS_WORTH_CACHING = 0.3


def keep_programs(folder: Path) -> None:
    """Lets JAX keep its compiled programs in a folder, unless a user has named another one.

    An entry that cannot be read, such as one cut short by a full disk, is removed with all entries of its
    name, so that JAX writes it anew; that is said in one line.
    """
    import jax

    if jax.config.values["jax_compilation_cache_dir"]:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _SECONDS_WORTH_CACHING)
    warnings.filterwarnings("always", _DAMAGED.pattern)
    _replace_damaged(folder)


def _replace_damaged(folder: Path) -> None:
    """Handles JAX's warning, which comes between reading an entry and writing it and names the program."""
    show, said = warnings.showwarning, False

    def shown(message: Warning | str, *where: Any, **more: Any) -> None:
        nonlocal said
        match = _DAMAGED.match(str(message))
        if not match:
            show(message, *where, **more)
            return
        for entry in folder.glob(f"{match[1]}-*"):
            entry.unlink(missing_ok=True)
        if not said:
            say(f"{folder}: a damaged program is compiled again and replaced")
        said = True

    warnings.showwarning = shown
