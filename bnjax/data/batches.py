"""Batches of an image set: training ones of one size, evaluation ones that hold every image once."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from bnjax.data.image_set import ImageSet

_DATA_ORDER = 1  # keeps the stream of random numbers apart from any other made of the same seed


class Batch(NamedTuple):
    """Images uint8 [size, height, width, channels], labels int32 [size], weights float32 [size].

    A weight is 1, or 0 for a copy that only fills an evaluation batch up.
    """

    images: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Whole batches in a set; what is left over is not trained on in that epoch."""
    return images // batch_size


def epoch_order(images: int, shuffle: str, seed: int, epoch: int) -> np.ndarray:
    """The positions of a set's images in the order in which an epoch meets them, int [images].

    Args:
      shuffle: ``none`` for the set's own order every epoch, ``epoch`` for a new order each.
      epoch: from 1.
    """
    if shuffle == "epoch":
        return np.random.default_rng([seed, epoch, _DATA_ORDER]).permutation(images)
    return np.arange(images)


def train_batches(part: ImageSet, batch_size: int, shuffle: str, seed: int, epoch: int) -> Iterator[Batch]:
    """The batches of one epoch, in the order of :func:`epoch_order`."""
    order = epoch_order(len(part), shuffle, seed, epoch)
    weights = np.ones(batch_size, np.float32)
    for step in range(steps_per_epoch(len(part), batch_size)):
        chosen = part[order[step * batch_size : (step + 1) * batch_size]]
        yield Batch(chosen.images, chosen.labels, weights)


def eval_batches(part: ImageSet, batch_size: int) -> Iterator[Batch]:
    """Batches of one size over every image; copies of the last image, of weight 0, fill up the last one."""
    for start in range(0, len(part), batch_size):
        positions = np.arange(start, start + batch_size)
        chosen = part[np.minimum(positions, len(part) - 1)]
        yield Batch(chosen.images, chosen.labels, (positions < len(part)).astype(np.float32))
