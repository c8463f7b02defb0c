"""Which files below a folder are the images of which split and class. No file is opened here."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bnjax.data.image_set import DataError

#: What is taken for an image. HEIC, which Pillow alone cannot decode, is among them so that it is reported.
IMAGE_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "gif", "webp", "tif", "tiff"),
        *("ppm", "pgm", "pbm", "pnm", "avif", "jp2", "heic", "heif"),
    )
)
_VALIDATION = ("val", "valid", "validation")
_SPLITS = ("train", "test", *_VALIDATION)
_HIDDEN = (".", "__MACOSX")
_EVERY_FIFTH = 5


class LabelledFile(NamedTuple):
    """An image's file and the position of its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class Layout:
    """The images of a folder.

    Attributes:
      classes: names in the order of their labels, which is that of the alphabet.
      splits: ``train``, ``test`` and perhaps ``validation`` -> files in the order of class and name.
      origins: the same splits -> where they come from, ``val`` for example.
      ignored: visible files that are no images of a class.
      ignored_folders: names of folders beside the splits, none of whose images count.
    """

    classes: tuple[str, ...]
    splits: dict[str, list[LabelledFile]]
    origins: dict[str, str]
    ignored: int
    ignored_folders: tuple[str, ...] = ()


class _Listing(NamedTuple):
    folders: list[Path]
    images: list[Path]
    others: int


def find_layout(root: Path) -> Layout:
    """What lies below ``root``: train/CLASS/* with test/CLASS/*, val/CLASS/* or both, or CLASS/* alone.

    A folder ``train``, ``test``, ``val``, ``valid`` or ``validation`` that holds folders makes it the former.

    Raises:
      DataError: it is no folder, or holds something else; one line that names the place.
    """
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "does not exist"
        raise DataError(
            f"--dataset=folder:{root}: {root} {what}; name a folder that holds one for each class"
        )
    listing = _listing(root)
    splits = {folder.name: folder for folder in listing.folders if folder.name in _SPLITS}
    if any(_listing(folder).folders for folder in splits.values()):
        others = tuple(folder.name for folder in listing.folders if folder.name not in splits)
        layout = _layout_of_splits(root, splits, len(listing.images) + listing.others)
        return dataclasses.replace(layout, ignored_folders=others)
    return _layout_of_classes(root)


def _listing(folder: Path) -> _Listing:
    """What is visible in a folder, sorted by name."""
    folders, images, others = [], [], 0
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(_HIDDEN)]
        for entry in sorted(visible, key=lambda entry: entry.name):
            path = folder / entry.name
            if entry.is_dir():
                folders.append(path)
            elif path.suffix.lower() in IMAGE_SUFFIXES:
                images.append(path)
            else:
                others += 1
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read ({error.strerror})") from None
    return _Listing(folders, images, others)


def _layout_of_splits(root: Path, splits: dict[str, Path], ignored: int) -> Layout:
    held_out = [name for name in _SPLITS[1:] if name in splits]
    if "train" not in splits or not held_out:
        raise DataError(f"{root} holds {', '.join(splits)}; train is needed, and test, val or validation")
    validation = [name for name in _VALIDATION if name in splits]
    if len(validation) > 1:
        raise DataError(f"{root} holds {', '.join(validation)}; one of them is to be the validation set")
    origins = {"train": "train", "test": held_out[0]}
    if len(held_out) > 1:
        origins["validation"] = held_out[1]
    folders = {split: _class_folders(splits[name]) for split, name in origins.items()}
    classes = tuple(folders["train"][0])
    files = {}
    for split, (by_name, others) in folders.items():
        _check_same_classes(splits["train"], classes, splits[origins[split]], tuple(by_name))
        images, more = _class_images(by_name)
        files[split] = [LabelledFile(path, label) for label, paths in enumerate(images) for path in paths]
        ignored += others + more
    return Layout(classes, files, origins, ignored)


def _layout_of_classes(root: Path) -> Layout:
    by_name, others = _class_folders(root)
    images, more = _class_images(by_name)
    train: list[LabelledFile] = []
    test: list[LabelledFile] = []
    for label, (name, paths) in enumerate(zip(by_name, images, strict=True)):
        if len(paths) < _EVERY_FIFTH:
            raise DataError(
                f"the class folder {root / name} holds {len(paths)} images; where there is no test folder "
                f"every fifth is for testing, so {_EVERY_FIFTH} or more are needed"
            )
        for position, path in enumerate(paths):
            part = test if position % _EVERY_FIFTH == _EVERY_FIFTH - 1 else train
            part.append(LabelledFile(path, label))
    origins = {"train": "the other four fifths", "test": "every fifth image of each class by name"}
    return Layout(tuple(by_name), {"train": train, "test": test}, origins, others + more)


def _class_folders(folder: Path) -> tuple[dict[str, Path], int]:
    """Class -> its folder, and how many files lie beside them."""
    listing = _listing(folder)
    by_name = {path.name: path for path in listing.folders}
    if len(by_name) < 2:
        held = f"one class folder, {next(iter(by_name))}" if by_name else "no class folders"
        raise DataError(f"{folder} holds {held}; a folder for each of two classes or more is needed")
    return by_name, len(listing.images) + listing.others


def _check_same_classes(
    train: Path, train_classes: tuple[str, ...], other: Path, other_classes: tuple[str, ...]
) -> None:
    for has, classes, lacks, fewer in (
        (train, train_classes, other, other_classes),
        (other, other_classes, train, train_classes),
    ):
        missing = [name for name in classes if name not in fewer]
        if missing:
            raise DataError(f"{lacks} lacks class folders that {has} holds: {', '.join(missing[:5])}")


def _class_images(by_name: dict[str, Path]) -> tuple[list[list[Path]], int]:
    """The images of each class, and how many other files its folders hold."""
    images, others = [], 0
    for folder in by_name.values():
        listing = _listing(folder)
        if listing.folders:
            raise DataError(
                f"the class folder {folder} holds a folder, {listing.folders[0].name}; images are to lie "
                "directly in their class folder, and splits are called train, test, val or validation"
            )
        if not listing.images:
            raise DataError(f"the class folder {folder} holds no images ({listing.others} other files)")
        images.append(listing.images)
        others += listing.others
    return images, others
