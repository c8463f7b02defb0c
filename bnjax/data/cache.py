"""Decoded arrays on disk, so that a set is decoded once.

An entry is a folder named by a fingerprint of what it was made from; it appears whole or not at all.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from bnjax.data.image_set import Dataset, ImageSet
from bnjax.files import cache_dir

_PARTS = ("images", "labels")


def fingerprint(files: Iterable[Path]) -> str:
    """Names the content of files by their names, sizes and times of change."""
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(files)]
    return hashlib.sha256(json.dumps(stats).encode()).hexdigest()[:16]


def cached(key: str, make: Callable[[], Dataset]) -> Dataset:
    """The set that lies under ``key``, or what ``make`` returns, which is then kept there.

    A damaged entry is made again. A cache that cannot be written to costs time only.
    """
    folder = cache_dir() / "arrays" / key
    dataset = _load(folder)
    if dataset is not None:
        return dataset
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
        parts = {split: _load_part(folder, split) for split in _splits(folder)}
        return Dataset(
            parts["train"], parts["test"], facts.pop("num_classes"), facts, parts.get("validation")
        )
    except (OSError, ValueError):
        return None


def _load_part(folder: Path, split: str) -> ImageSet:
    arrays = (np.load(folder / f"{split}_{part}.npy", allow_pickle=False) for part in _PARTS)
    return ImageSet(*arrays)


def _splits(folder: Path) -> list[str]:
    """The splits of an entry; the checksum tells when the files of an optional one were lost."""
    optional = ["validation"] if (folder / "validation_images.npy").exists() else []
    return ["train", "test", *optional]


def _checksum(folder: Path) -> str:
    # BLAKE2 reads 0.2 GB in about 0.2 s; a flipped bit in a cached image would never be noticed otherwise.
    # Whole files, before anything parses them: np.load's errors on a damaged header are of many kinds.
    digest = hashlib.blake2b(digest_size=16)
    arrays = (f"{split}_{part}.npy" for split in _splits(folder) for part in _PARTS)
    for name in ("facts.json", *arrays):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _remove(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def _save(folder: Path, dataset: Dataset) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    parts = {"train": dataset.train, "test": dataset.test, "validation": dataset.validation}
    arrays = {
        f"{split}_{part}": getattr(images, part)
        for split, images in parts.items()
        if images is not None
        for part in _PARTS
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
