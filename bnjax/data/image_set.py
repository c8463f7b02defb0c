"""What a data source yields."""

from dataclasses import dataclass
from typing import Any

import numpy as np

_LARGEST_BYTES = 8 * 2**30


class DataError(Exception):
    """Data that is absent, damaged or of another form; the message is one line that says what to do."""


def check_memory(name: str, size: int) -> None:
    """Refuses a set whose arrays would have more bytes than are read into memory.

    Raises:
      DataError: says how much it would need.
    """
    if size > _LARGEST_BYTES:
        raise DataError(
            f"{name} needs {size / 2**30:.0f} GiB in memory; up to {_LARGEST_BYTES / 2**30:.0f} are read"
        )


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 [count, height, width, channels] and labels int32 [count]."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, part: slice | np.ndarray) -> "ImageSet":
        return ImageSet(self.images[part], self.labels[part])


@dataclass(frozen=True)
class Dataset:
    """The splits of one set, and the facts about them that a record tells."""

    train: ImageSet
    test: ImageSet
    num_classes: int
    facts: dict[str, Any]
    validation: ImageSet | None = None

    def check(self, name: str) -> "Dataset":
        """Itself, if its arrays are what they claim to be.

        Raises:
          DataError: shapes, types, counts or labels do not fit together.
        """
        parts = {"train": self.train, "test": self.test}
        if self.validation is not None:
            parts["validation"] = self.validation
        for split, part in parts.items():
            images, labels = part.images, part.labels
            if images.dtype != np.uint8 or images.ndim != 4 or len(images) != len(labels):
                raise DataError(
                    f"{name}, split {split}: images {images.dtype} {images.shape} with {len(labels)} labels "
                    "are not uint8 [count, height, width, channels] with a label each"
                )
            if not len(labels):
                raise DataError(f"{name}, split {split}: it holds no images")
            if labels.min() < 0 or labels.max() >= self.num_classes:
                raise DataError(f"{name}, split {split}: labels outside 0..{self.num_classes - 1}")
            if images.shape[1:] != self.train.images.shape[1:]:
                shapes = f"{self.train.images.shape[1:]} and {images.shape[1:]}"
                raise DataError(f"{name}: train and {split} images differ in shape: {shapes}")
        return self
