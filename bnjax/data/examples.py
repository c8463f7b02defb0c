"""Stored images of a split, and how they become pixels one by one."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from bnjax.data.image_set import DataError
from bnjax.data.picture import CENTRE, BadImageError, Crop, decode_picture, read_bytes, stored_pixels
from bnjax.data.sources.folder_layout import LabelledFile

_CROP_DRAWS = 2  # keeps them apart from other random numbers of the same seed
#: A random crop sees 7/8 of the short side, as 224 of 256 pixels are.
_CROPPED_SHARE = 7 / 8
_OF_A_FILE = "repair or remove it"


class Example(NamedTuple):
    """An image as it is stored, its class, and what a message says of it and of what to do with it."""

    encoded: bytes
    label: int
    name: str
    remedy: str


class Examples(Protocol):
    """The stored images of a split. Can be pickled for the processes that read."""

    def __len__(self) -> int: ...

    @property
    def labels(self) -> np.ndarray | None:
        """Labels int32 [count], where they are known without reading the images."""

    def read(self, positions: Sequence[int]) -> Iterator[Example]:
        """Those at some positions.

        Raises:
          DataError: one cannot be read; names it.
        """


@dataclass(frozen=True)
class FileExamples:
    """A file for each image."""

    files: tuple[LabelledFile, ...]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def labels(self) -> np.ndarray:
        return np.array([label for _, label in self.files], np.int32)

    def read(self, positions: Sequence[int]) -> Iterator[Example]:
        for path, label in map(self.files.__getitem__, positions):
            try:
                yield Example(read_bytes(path), label, str(path), _OF_A_FILE)
            except BadImageError as error:
                raise _unreadable(str(path), _OF_A_FILE, error) from error


@dataclass(frozen=True)
class RecordExamples:
    """A split that TFDS has prepared as array_record.

    Attributes:
      folder: of the prepared version.
      image, label: names of the features.
      classes: how many labels there are.
      files: tells the files from other ones that lay there before.
    """

    folder: Path
    split: str
    image: str
    label: str
    classes: int
    files: str

    def __len__(self) -> int:
        return len(_record_source(self))

    @property
    def labels(self) -> None:
        return None

    def read(self, positions: Sequence[int]) -> Iterator[Example]:
        # All at once: half the time of one by one.
        records = _record_source(self).__getitems__(positions)
        for position, stored in zip(positions, records, strict=True):
            label = int(stored[self.label])
            if not 0 <= label < self.classes:
                raise DataError(f"{self.folder}, split {self.split}: labels outside 0..{self.classes - 1}")
            name = f"{self.folder}, image {position} of {self.split}"
            yield Example(stored[self.image], label, name, "prepare the set anew")


def _unreadable(name: str, remedy: str, error: Exception) -> DataError:
    return DataError(f"{name} cannot be read as an image ({error}); {remedy}")


@functools.lru_cache(maxsize=8)
def _record_source(examples: RecordExamples) -> Any:
    """Opened once in each process. Pillow decodes it in two thirds of the time of TFDS."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(str(examples.folder))
    return builder.as_data_source(examples.split, decoders={examples.image: tfds.decode.SkipDecoding()})


@dataclass(frozen=True)
class Reader:
    """From positions of a split to pixels of one shape, cropped at random where so asked.

    Attributes:
      shape: height, width and channels.
      as_stored: whether that is the shape of all stored images; others become squares in RGB.
      augment: ``none`` or ``crop_flip``.
    """

    examples: Examples
    shape: tuple[int, int, int]
    as_stored: bool
    augment: str = "none"

    def read(
        self, positions: Sequence[int], key: tuple[int, ...] | None = None
    ) -> Iterator[tuple[np.ndarray, int]]:
        """Pixels uint8 [height, width, channels] and the label of each example.

        Args:
          key: what a random crop is drawn from, beside the position; None for the middle.

        Raises:
          DataError: one cannot be read as an image; names it.
        """
        for position, example in zip(positions, self.examples.read(positions), strict=True):
            crop = CENTRE if key is None or self.augment == "none" else _random_crop((*key, position))
            yield self._decoded(example, crop)

    def _decoded(self, example: Example, crop: Crop) -> tuple[np.ndarray, int]:
        try:
            if self.as_stored:
                return stored_pixels(example.encoded, self.shape, crop), example.label
            return decode_picture(example.encoded, self.shape[0], crop).pixels, example.label
        except BadImageError as error:
            raise _unreadable(example.name, example.remedy, error) from error


def _random_crop(key: tuple[int, ...]) -> Crop:
    left, top, mirrored = np.random.default_rng([*key, _CROP_DRAWS]).random(3)
    return Crop(_CROPPED_SHARE, float(left), float(top), bool(mirrored < 0.5))
