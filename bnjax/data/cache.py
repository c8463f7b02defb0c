"""Decoded arrays on disk, so that a set is decoded once.

An entry is a folder named by a fingerprint of what it was made from; it appears whole or not at all.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from bnjax.data.image_set import Dataset, ImageSet


def cache_dir() -> Path:
    """``$BNJAX_CACHE_DIR``, else ``$XDG_CACHE_HOME/bnjax``, else ``~/.cache/bnjax``."""
    own = os.environ.get("BNJAX_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(base) / "bnjax"


def fingerprint(files: Iterable[Path]) -> str:
    """Names the content of files by their names, sizes and times of change."""
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(files)]
    return hashlib.sha256(json.dumps(stats).encode()).hexdigest()[:16]


def cached(key: str, make: Callable[[], Dataset]) -> Dataset:
    """The set that lies under ``key``, or what ``make`` returns, which is then kept there.

    A damaged entry is made again. A cache that cannot be written to costs time only.
    """
    folder = cache_dir() / "arrays" / key
    found = _load(folder)
    if found is not None:
        return found
    dataset = make()
    try:
        _save(folder, dataset)
    except OSError:
        # Full or read-only disk: the arrays are in memory all the same, and the next run tries again.
        return dataset
    return dataset


def _load(folder: Path) -> Dataset | None:
    try:
        if (folder / "checksum").read_text(encoding="utf-8") != _checksum(folder):
            return None
        facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
        parts = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in _array_names()}
        train = ImageSet(parts["train_images"], parts["train_labels"])
        test = ImageSet(parts["test_images"], parts["test_labels"])
        return Dataset(train, test, facts.pop("num_classes"), facts)
    except (OSError, ValueError):
        return None


def _array_names() -> list[str]:
    return [f"{split}_{part}" for split in ("train", "test") for part in ("images", "labels")]


def _checksum(folder: Path) -> str:
    # BLAKE2 reads 0.2 GB in about 0.2 s; a flipped bit in a cached image would never be noticed otherwise.
    # Whole files, before anything parses them: np.load's errors on a damaged header are of many kinds.
    digest = hashlib.blake2b(digest_size=16)
    for name in ("facts.json", *(f"{name}.npy" for name in _array_names())):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _save(folder: Path, dataset: Dataset) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        f"{split}_{part}": getattr(getattr(dataset, split), part)
        for split in ("train", "test")
        for part in ("images", "labels")
    }
    facts = {**dataset.facts, "num_classes": dataset.num_classes}
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for name, array in arrays.items():
            np.save(scratch / f"{name}.npy", array)
        (scratch / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        (scratch / "checksum").write_text(_checksum(scratch), encoding="utf-8")
        _remove(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
