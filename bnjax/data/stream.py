"""Images that are read and decoded when a step needs them, where they are too many for memory."""

import dataclasses
import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bnjax.data.examples import Examples, Reader
from bnjax.data.image_set import BatchOrder, ImageSet
from bnjax.process.absl_flags import mark_as_parsed

if TYPE_CHECKING:
    import grain

#: Arrays of more bytes are not made unless they are asked for.
LARGEST_IN_MEMORY = 4 * 2**30
_SAMPLE = 1000  # images whose pixels stand for all
_MOST_THREADS = 8
_BATCHES_AHEAD = 2  # of each thread or worker
_ENDLESS = 2**40


class ReadingOptions(NamedTuple):
    """How images are to be read; fields as in :class:`bnjax.settings.config.Config`."""

    stream: str = "auto"
    workers: int = 0
    augment: str = "none"

    def streams(self, size: int) -> bool:
        """Whether a set is not read into memory, where its arrays would have ``size`` bytes."""
        if self.stream == "auto":
            return self.augment != "none" or size > LARGEST_IN_MEMORY
        return self.stream == "always"


#: But for sets that are too large for it.
IN_MEMORY = ReadingOptions()


@dataclass(frozen=True, eq=False)
class _Batches:
    """The batches of an order as a source of grain's; an element is the images and labels of a batch."""

    reader: Reader
    positions: np.ndarray
    order: BatchOrder

    def __len__(self) -> int:
        return _ENDLESS

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order(int(index))
        # Copies that fill up a batch are not decoded again.
        distinct, places = np.unique(self.positions[chosen.positions], return_inverse=True)
        pixels, labels = zip(*self.reader.read(distinct.tolist(), chosen.key), strict=True)
        return np.stack(pixels)[places], np.array(labels, np.int32)[places]


@dataclass
class _Feed:
    """An iterator over an order's batches, and which one comes next."""

    batches: "Iterator[tuple[np.ndarray, np.ndarray]]"
    next: int


@dataclass(eq=False)
class ImageStream:
    """Images that are decoded anew for every batch, ahead of it, by threads or processes.

    The batches are the same whatever the number of workers: they depend on the order and its keys alone.

    Attributes:
      workers: processes that read; 0 for threads of this one.
      positions: of its images among the reader's examples.
    """

    reader: Reader
    workers: int
    positions: np.ndarray
    _feeds: dict[BatchOrder, _Feed] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, part: slice | np.ndarray) -> "ImageStream":
        return dataclasses.replace(self, positions=self.positions[part], _feeds={})

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.reader.shape

    @functools.cached_property
    def sample(self) -> np.ndarray:
        """Up to 1,000 images from all over the set, not cropped at random."""
        chosen = np.linspace(0, len(self) - 1, min(len(self), _SAMPLE)).round().astype(int)
        return np.stack([pixels for pixels, _ in self.reader.read(self.positions[chosen].tolist())])

    @property
    def known_labels(self) -> np.ndarray | None:
        """Those of a folder's images, whose files tell; None of other sets."""
        labels = self.reader.examples.labels
        return None if labels is None else labels[self.positions]

    def batches(self, order: BatchOrder, first: int, count: int) -> Iterator[ImageSet]:
        """So many batches of an order, from its index ``first``.

        What was read ahead of an earlier call serves this one if it goes on there.

        Raises:
          DataError: an image cannot be read.
        """
        feed = self._feeds.get(order)
        if feed is None or not _same(order, feed.next, first):
            feed = self._feeds[order] = _Feed(self._opened(order, first), first)
        for _ in range(count):
            images, labels = next(feed.batches)
            feed.next += 1
            yield ImageSet(images, labels)

    def _opened(self, order: BatchOrder, first: int) -> "grain.DatasetIterator":
        import grain

        mark_as_parsed()  # grain has flags of its own
        threads = 1 if self.workers else min(_MOST_THREADS, os.cpu_count() or 1)
        batches = grain.MapDataset.source(_Batches(self.reader, self.positions, order))[first:]
        ahead = grain.ReadOptions(threads, threads * _BATCHES_AHEAD)
        dataset = batches.to_iter_dataset(ahead)
        if self.workers:
            workers = grain.MultiprocessingOptions(self.workers, per_worker_buffer_size=_BATCHES_AHEAD)
            dataset = dataset.mp_prefetch(workers)
        return iter(dataset)


def _same(order: BatchOrder, index: int, other: int) -> bool:
    ours, others = order(index), order(other)
    return ours.key == others.key and np.array_equal(ours.positions, others.positions)


def stream_of(
    examples: Examples, side: int, reading: ReadingOptions, stored: tuple[int, int, int] | None = None
) -> ImageStream:
    """All examples of a split, as squares of ``side`` pixels in RGB, or in the shape that all have."""
    reader = Reader(examples, stored or (side, side, 3), stored is not None, reading.augment)
    return ImageStream(reader, reading.workers, np.arange(len(examples)))


def centre_adaptation(side: int) -> str:
    """How records tell what was done to images that are not cropped at random."""
    return f"short side scaled to {side}, centre {side}x{side} (Lanczos)"


def stream_facts(reading: ReadingOptions) -> dict[str, Any]:
    """What records tell of a streamed set beside the facts of one in memory."""
    random_crop = "random squares of 7/8 of the short side, mirrored half of the time"
    augment = {"augmentation": random_crop} if reading.augment != "none" else {}
    return {"reading": "streamed", **augment}
