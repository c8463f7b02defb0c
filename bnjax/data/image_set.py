"""What a data source yields."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from bnjax.errors import UserError


class DataError(UserError):
    """Data that is absent, damaged or of another form; the message is one line that says what to do."""


class Chosen(NamedTuple):
    """Positions of a batch's images in their set, and what random crops of them are drawn from, if any."""

    positions: np.ndarray
    key: tuple[int, ...] | None


#: The batch of each index, from 0 without an end.
BatchOrder = Callable[[int], Chosen]


class Images(Protocol):
    """Images of one shape with a label each, in memory or not."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice | np.ndarray) -> "Images": ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""

    @property
    def sample(self) -> np.ndarray:
        """Images uint8 [count, height, width, channels] whose pixels stand for all."""

    @property
    def known_labels(self) -> np.ndarray | None:
        """Labels int32 [count]; None where only reading the images tells."""

    def batches(self, order: BatchOrder, first: int, count: int) -> "Iterator[ImageSet]":
        """So many batches of an order, from its index ``first``."""


@dataclass(frozen=True)
class ImageSet:
    """Images uint8 [count, height, width, channels] and labels int32 [count].

    What a network's first blocks make of images can take their place: floating point numbers [count, ...].
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, part: slice | np.ndarray) -> "ImageSet":
        return ImageSet(self.images[part], self.labels[part])

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width, channels = self.images.shape[1:]
        return height, width, channels

    @property
    def sample(self) -> np.ndarray:
        """All images."""
        return self.images

    @property
    def known_labels(self) -> np.ndarray:
        """All labels."""
        return self.labels

    def batches(self, order: BatchOrder, first: int, count: int) -> "Iterator[ImageSet]":
        """So many batches of an order, from its index ``first``."""
        for index in range(first, first + count):
            yield self[order(index).positions]


def in_memory(part: Images) -> ImageSet:
    """Itself, for what needs whole arrays.

    Raises:
      DataError: it is streamed.
    """
    if not isinstance(part, ImageSet):
        raise DataError("this needs the images in memory: use --stream=never and --augment=none")
    return part


@dataclass(frozen=True)
class Dataset:
    """The splits of one set, and the facts about them that a record tells."""

    train: Images
    test: Images
    num_classes: int
    facts: dict[str, Any]
    validation: Images | None = None

    def check(self, name: str) -> "Dataset":
        """Itself, if its arrays are what they claim to be. Of what is not in memory nothing is known.

        Raises:
          DataError: shapes, types, counts or labels do not fit together.
        """
        parts = {"train": self.train, "test": self.test}
        if self.validation is not None:
            parts["validation"] = self.validation
        for split, part in parts.items():
            if not isinstance(part, ImageSet):
                continue
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
            if part.image_shape != self.train.image_shape:
                shapes = f"{self.train.image_shape} and {part.image_shape}"
                raise DataError(f"{name}: train and {split} images differ in shape: {shapes}")
        return self
