"""The images that every contestant sees: batches that are there already, and sets for whole epochs."""

import functools
from collections.abc import Iterator

import numpy as np

from bnjax.data import ImageSet, in_memory
from speed_peers.networks import CLASSES, Task

#: Several batches, so that no contestant trains on images that its caches still hold.
_BATCHES = 8
_SEED = 0


def synthetic_batches(task: Task) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Images uint8 [batch, height, width, channels] and labels int32 [batch], the same for everyone."""
    random = np.random.default_rng(_SEED)
    for _ in range(_BATCHES):
        yield _made_up(random, task, task.batch_size)


def epoch_set(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [images, height, width, channels] and labels int32 [images] of an epoch.

    Whole batches only: what libraries make of the rest differs. Digits are enlarged to the network's images.
    """
    count = epoch_images(task)
    if task.epoch_data == "digits":
        train = digits(task.image_shape)
        return train.images[:count], train.labels[:count]
    return _made_up(np.random.default_rng(_SEED), task, count)


def epoch_images(task: Task) -> int:
    """How many images an epoch has: of the digits as many as their training set gives.

    Raises:
      ValueError: they do not fill a batch.
    """
    if task.epoch_data == "random":
        return task.epoch_steps * task.batch_size
    available = len(digits((8, 8, 1)))
    if available < task.batch_size:
        raise ValueError(f"{available} digits do not fill a batch of {task.batch_size}")
    return available // task.batch_size * task.batch_size


@functools.cache
def digits(image_shape: tuple[int, int, int], split: str = "train") -> ImageSet:
    """The digits, enlarged to height, width, channels; those of ``train`` or of ``test``."""
    from bnjax.data.sources.digits import load_digits

    return in_memory(getattr(load_digits(image_shape), split))


def _made_up(random: np.random.Generator, task: Task, count: int) -> tuple[np.ndarray, np.ndarray]:
    images = random.integers(0, 256, (count, *task.image_shape), dtype=np.uint8)
    return images, random.integers(0, CLASSES, count, dtype=np.int32)
