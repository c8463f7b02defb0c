"""Arrays in one file with a digest behind them, so that damage shows."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bnjax.files import write_whole

_DIGEST_SIZE = hashlib.sha256().digest_size


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Keeps arrays by their names; the file appears whole or not at all.

    Raises:
      OSError: it cannot be written; an older file is still there.
    """
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    content.write(hashlib.sha256(content.getbuffer()).digest())
    write_whole(path, content.getvalue())


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None where it is damaged.

    Raises:
      OSError: it is absent or cannot be read.
    """
    stored = path.read_bytes()
    content, digest = stored[:-_DIGEST_SIZE], stored[-_DIGEST_SIZE:]
    if hashlib.sha256(content).digest() != digest:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
