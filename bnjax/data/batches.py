"""Batches of an image set: training ones of one size, evaluation ones that hold every image once."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bnjax.data.image_set import BatchOrder, Chosen, Images

#: They keep streams of random numbers apart from any other made of the same seed.
_DATA_ORDER, _ORDER_OF_SORTED = 1, 4


class Batch(NamedTuple):
    """Images uint8 [size, height, width, channels], labels int32 [size], weights float32 [size].

    A weight is 1, or 0 for a copy that only fills an evaluation batch up.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def steps_per_epoch(images: int, batch_size: int, with_rest: bool = False) -> int:
    """Batches of an epoch.

    Args:
      with_rest: whether the images that whole batches leave over are a last, smaller one; else no step
        of the epoch sees them.
    """
    return -(-images // batch_size) if with_rest else images // batch_size


def epoch_order(images: int, shuffle: str, seed: int, epoch: int) -> np.ndarray:
    """The positions of a set's images in the order in which an epoch meets them, int [images].

    Args:
      shuffle: ``none`` for the set's own order every epoch, ``epoch`` for a new order each.
      epoch: from 1.
    """
    if shuffle == "epoch":
        return np.random.default_rng([seed, epoch, _DATA_ORDER]).permutation(images)
    return np.arange(images)


def batches_by_class(order: np.ndarray, labels: np.ndarray, batch_size: int, key: list[int]) -> np.ndarray:
    """The same positions in batches that are each from as few classes as possible (Ioffe 2017).

    The whole batches hold the images that they hold otherwise, sorted by class; images of one class keep
    their order. What whole batches leave over comes last, as it was. Batches come in a drawn order:
    sorted ones would train on each class once and never again.

    Args:
      order: positions, int [images].
      labels: of the set, int [images].
      key: of the order of the batches.
    """
    whole = len(order) // batch_size * batch_size
    by_class = order[:whole][np.argsort(labels[order[:whole]], kind="stable")].reshape(-1, batch_size)
    mixed = np.random.default_rng(key).permutation(by_class)
    return np.concatenate([mixed.ravel(), order[whole:]])


@dataclass(frozen=True)
class TrainOrder:
    """The training batches of all epochs, one after the other, see :func:`steps_per_epoch`.

    Attributes:
      shuffle: see :func:`epoch_order`.
      labels: the set's, int32, as bytes, where batches are sorted by class; else empty.
    """

    images: int
    batch_size: int
    shuffle: str
    seed: int
    with_rest: bool = False
    labels: bytes = field(default=b"", repr=False)

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return steps_per_epoch(self.images, self.batch_size, self.with_rest)

    def __call__(self, index: int) -> Chosen:
        epoch, step = divmod(index, self.steps)
        positions = _positions(self, epoch + 1)[step * self.batch_size : (step + 1) * self.batch_size]
        return Chosen(positions, (self.seed, epoch + 1))

    def positions(self, epoch: int) -> np.ndarray:
        """Those of an epoch (from 1) in their order, int [images]."""
        order = epoch_order(self.images, self.shuffle, self.seed, epoch)
        if not self.labels:
            return order
        drawn = [self.seed, epoch] if self.shuffle == "epoch" else [0, 0]  # else the same in all epochs
        labels = np.frombuffer(self.labels, np.int32)
        return batches_by_class(order, labels, self.batch_size, [*drawn, _ORDER_OF_SORTED])


@functools.lru_cache(maxsize=4)
def _positions(order: TrainOrder, epoch: int) -> np.ndarray:
    return order.positions(epoch)


@dataclass(frozen=True)
class EvalOrder:
    """All images in batches of one size, again and again; the last image fills up the last batch."""

    images: int
    batch_size: int

    @property
    def count(self) -> int:
        """Batches until every image was there."""
        return -(-self.images // self.batch_size)

    def __call__(self, index: int) -> Chosen:
        return Chosen(np.minimum(self._places(index), self.images - 1), None)

    def weights(self, index: int) -> np.ndarray:
        """1 for an image and 0 for what only fills a batch up, float32 [batch_size]."""
        return (self._places(index) < self.images).astype(np.float32)

    def _places(self, index: int) -> np.ndarray:
        start = index % self.count * self.batch_size
        return np.arange(start, start + self.batch_size)


@dataclass(frozen=True)
class SpreadOrder:
    """Some images of a set, spread evenly over it, in batches that are each spread evenly too.

    They are the same ones in every epoch; random crops of them are those that the epoch trains on.

    Attributes:
      count: how many images; a multiple of ``batch_size``.
    """

    images: int
    count: int
    batch_size: int
    seed: int

    @property
    def steps(self) -> int:
        """Batches until every image was there."""
        return self.count // self.batch_size

    def __call__(self, index: int) -> Chosen:
        epoch, step = divmod(index, self.steps)
        places = np.arange(step, self.count, self.steps)
        return Chosen(places * self.images // self.count, (self.seed, epoch + 1))


@dataclass(frozen=True)
class RowsOf:
    """The rows ``first`` to ``behind`` of another order's batches: what one of several processes reads."""

    order: BatchOrder
    first: int
    behind: int

    def __call__(self, index: int) -> Chosen:
        chosen = self.order(index)
        return Chosen(chosen.positions[self.first : self.behind], chosen.key)


def _rows_of(order: BatchOrder, rows: slice | None) -> BatchOrder:
    return RowsOf(order, rows.start, rows.stop) if rows else order


def train_batches(
    part: Images, order: TrainOrder, epoch: int, first: int = 0, rows: slice | None = None
) -> Iterator[Batch]:
    """The batches of one epoch (from 1) from its step ``first`` on.

    Args:
      rows: of each batch, these alone; None for all.
    """
    start, count = (epoch - 1) * order.steps + first, order.steps - first
    for chosen in part.batches(_rows_of(order, rows), start, count):
        yield Batch(chosen.images, chosen.labels, np.ones(len(chosen), np.float32))


def spread_batches(
    part: Images, order: SpreadOrder, epoch: int, rows: slice | None = None
) -> Iterator[Batch]:
    """The batches of a :class:`SpreadOrder`, with the random crops of an epoch (from 1).

    Args:
      rows: of each batch, these alone; None for all.
    """
    first = (epoch - 1) * order.steps
    for chosen in part.batches(_rows_of(order, rows), first, order.steps):
        yield Batch(chosen.images, chosen.labels, np.ones(len(chosen), np.float32))


def eval_batches(part: Images, batch_size: int, rows: slice | None = None) -> Iterator[Batch]:
    """Batches of one size over every image; copies of the last image, of weight 0, fill up the last one.

    Args:
      rows: of each batch, these alone; None for all.
    """
    order = EvalOrder(len(part), batch_size)
    for index, chosen in enumerate(part.batches(_rows_of(order, rows), 0, order.count)):
        yield Batch(chosen.images, chosen.labels, order.weights(index)[rows or slice(None)])
