"""A folder of images as a data set: decoded and scaled once, then read from the cache."""

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bnjax.data.cache import cached
from bnjax.data.examples import FileExamples
from bnjax.data.image_set import DataError, Dataset, ImageSet
from bnjax.data.picture import BadImageError, Picture, read_picture, strict_decoding
from bnjax.data.sources.folder_layout import LabelledFile, Layout, find_layout
from bnjax.data.stream import IN_MEMORY, ReadingOptions, centre_adaptation, stream_facts, stream_of
from bnjax.data.telling import tell
from bnjax.process.bar import tqdm
from bnjax.settings.places import expanded

#: Changes when the same files become other arrays or facts, so that older cache entries are not found.
_PREPARATION = 1
_ORDER_SEED = 0
_MOST_THREADS = 8  # each holds one image of full size
_NAMED = 5  # of the files that are skipped
_MOST_NAMED = 10  # of those that end a run
_LOSSY = "jpeg (lossy)"
_ENCODINGS = {"JPEG": _LOSSY, "MPO": _LOSSY}
_BY_SUFFIX = dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), _LOSSY)


class _Decoded(NamedTuple):
    part: ImageSet
    encodings: set[str]
    digests: dict[str, str]
    bad: dict[str, str]


def load_folder(root: Path, side: int, bad_images: str, reading: ReadingOptions = IN_MEMORY) -> Dataset:
    """The images below a folder, a class for each folder, as squares of one size in RGB.

    The training images come in an order that is random and always the same, since batches of
    ``--shuffle=none`` would hold one class each otherwise.

    Args:
      root: see :func:`bnjax.data.sources.folder_layout.find_layout` for what may lie there.
      side: in pixels, of the images returned.
      bad_images: ``stop`` or ``skip``, for files that cannot be read as images.
      reading: whether into memory.

    Raises:
      DataError: the folder is of another form, or holds a file that cannot be read; of a streamed one that
        is told when the file's turn comes.
    """
    root = expanded(root).absolute()
    layout = find_layout(root)
    count = sum(map(len, layout.splits.values()))
    skip = bad_images == "skip"
    if reading.streams(count * side * side * 3):
        if skip:
            raise DataError("--bad_images=skip needs the images in memory: add --stream=never")
        dataset = _streamed(root, layout, side, reading)
    else:
        key = _cache_key(root, layout, side, bad_images)
        dataset = cached(key, lambda: _decode(root, layout, side, skip))
    facts = {
        "name": f"folder:{root.name}",
        "source": str(root),  # not in the cache: a folder that was moved is the same set
        **dataset.facts,
        "ignored_files": layout.ignored,
        "ignored_folders": list(layout.ignored_folders),
    }
    if layout.ignored_folders:
        folders = ", ".join(layout.ignored_folders)
        tell(f"{facts['name']}: folders beside train that are no split are left out: {folders}")
    _tell_skipped(facts["name"], facts["skipped_images"], count)
    return dataclasses.replace(dataset, facts=facts)


def _cache_key(root: Path, layout: Layout, side: int, bad_images: str) -> str:
    files = [
        (split, str(path.relative_to(root)), label, *_size_and_time(path))
        for split, labelled in layout.splits.items()
        for path, label in labelled
    ]
    text = json.dumps([_PREPARATION, side, bad_images, layout.classes, files])
    return f"folder-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError:  # a broken link; what becomes of it is for --bad_images to say
        return (-1, -1)
    return (stat.st_size, stat.st_mtime_ns)


def _decode(root: Path, layout: Layout, side: int, skip: bool) -> Dataset:
    splits = {**layout.splits, "train": _mixed(layout.splits["train"])}
    done = {split: _decode_split(root, split, files, side) for split, files in splits.items()}
    bad = {name: reason for decoded in done.values() for name, reason in decoded.bad.items()}
    if bad and not skip:
        raise DataError(_unreadable(root, bad))
    for split, decoded in done.items():
        _check_classes(root, split, decoded.part, layout.classes)
    validation = done["validation"].part if "validation" in done else None
    facts = _facts(layout, side, list(done.values()))
    return Dataset(done["train"].part, done["test"].part, len(layout.classes), facts, validation)


def _streamed(root: Path, layout: Layout, side: int, reading: ReadingOptions) -> Dataset:
    splits = {**layout.splits, "train": _mixed(layout.splits["train"])}
    parts = {split: stream_of(FileExamples(tuple(files)), side, reading) for split, files in splits.items()}
    files = [file.path for labelled in splits.values() for file in labelled]
    sizes = sorted((str(path.relative_to(root)), _size_and_time(path)[0]) for path in files)
    facts = {
        "version": hashlib.sha256(json.dumps(sizes).encode()).hexdigest()[:12],
        "encoding": _one_or_mixed({_BY_SUFFIX.get(path.suffix.lower(), path.suffix[1:]) for path in files}),
        "version_of": "names and sizes of the files",
        **_layout_facts(layout, side, []),
        **stream_facts(reading),
    }
    return Dataset(parts["train"], parts["test"], len(layout.classes), facts, parts.get("validation"))


def _mixed(files: list[LabelledFile]) -> list[LabelledFile]:
    order = np.random.default_rng(_ORDER_SEED).permutation(len(files))
    return [files[position] for position in order]


def _unreadable(root: Path, bad: dict[str, str]) -> str:
    named = [f"{root / name} cannot be read as an image ({reason})" for name, reason in bad.items()]
    more = [f"{len(named) - _MOST_NAMED} more cannot either"] if len(named) > _MOST_NAMED else []
    remedy = "repair or remove them" if len(named) > 1 else "repair or remove it"
    return "; ".join(
        [*named[:_MOST_NAMED], *more, f"{remedy}, or leave such files out with --bad_images=skip"]
    )


def _decode_split(root: Path, split: str, files: list[LabelledFile], side: int) -> _Decoded:
    images = np.empty((len(files), side, side, 3), np.uint8)
    labels = np.array([label for _, label in files], np.int32)
    kept, encodings, digests, bad = [], set(), {}, {}
    with _pictures(split, files, side) as pictures:
        for position, picture in enumerate(pictures):
            name = str(files[position].path.relative_to(root))
            if isinstance(picture, Picture):
                images[position] = picture.pixels
                kept.append(position)
                encodings.add(_ENCODINGS.get(picture.format, picture.format.lower()))
                digests[name] = picture.digest
            else:
                bad[name] = picture
    every = ImageSet(images, labels)
    return _Decoded(every[np.array(kept, int)] if bad else every, encodings, digests, bad)


@contextlib.contextmanager
def _pictures(split: str, files: list[LabelledFile], side: int) -> Iterator[Iterable[Picture | str]]:
    """What each file holds, or why it cannot be read, in the order of the files; threads decode them."""

    def read(file: LabelledFile) -> Picture | str:
        try:
            return read_picture(file.path, side)
        except BadImageError as error:
            return str(error)  # the error itself would keep the whole image in memory

    pool = ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1), "decode")
    try:
        # disable=None: a bar where a person looks on, nothing elsewhere
        with (
            strict_decoding(),
            tqdm(pool.map(read, files), f"decoding {split}", len(files), leave=False, disable=None) as shown,
        ):
            yield shown
    finally:
        pool.shutdown(cancel_futures=True)  # what nobody waits for after a signal


def _check_classes(root: Path, split: str, part: ImageSet, classes: tuple[str, ...]) -> None:
    counts = np.bincount(part.labels, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if not count:
            raise DataError(f"{root}, split {split}: no image of class {name} can be read")


def _facts(layout: Layout, side: int, done: list[_Decoded]) -> dict[str, Any]:
    digests = sorted(item for decoded in done for item in decoded.digests.items())
    skipped = sorted(name for decoded in done for name in decoded.bad)
    return {
        "version": hashlib.sha256(json.dumps(digests).encode()).hexdigest()[:12],
        "encoding": _one_or_mixed(set().union(*(decoded.encodings for decoded in done))),
        **_layout_facts(layout, side, skipped),
    }


def _one_or_mixed(encodings: set[str]) -> str:
    return encodings.pop() if len(encodings) == 1 else "mixed"


def _layout_facts(layout: Layout, side: int, skipped: list[str]) -> dict[str, Any]:
    return {
        "test_split": layout.origins["test"],
        **({"validation_split": layout.origins["validation"]} if "validation" in layout.origins else {}),
        "adaptation": centre_adaptation(side),
        "train_order": "random, always the same",
        "class_names": list(layout.classes),
        "skipped_images": {"count": len(skipped), "first": skipped[:_NAMED]},
    }


def _tell_skipped(name: str, skipped: dict[str, Any], count: int) -> None:
    if skipped["count"]:
        first = ", ".join(skipped["first"]) + (", ..." if skipped["count"] > _NAMED else "")
        tell(f"{name}: {skipped['count']} of {count} images cannot be read: {first}")
