"""Image sets made up for tests, and how two are compared."""

import numpy as np
import pytest

from bnjax.data import (
    ImageSet,
)

SHAPE = (32, 32, 3)


def random_set(count, shape=(4, 3, 2), classes=10, seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, *shape), dtype=np.uint8)
    return ImageSet(images, random.integers(0, classes, count).astype(np.int32))


def numbered_set(count):
    """Images that tell their own position."""
    positions = np.arange(count, dtype="<u2")
    return ImageSet(positions.view(np.uint8).reshape(count, 1, 1, 2), positions.astype(np.int32))


def positions_of(images):
    return np.ascontiguousarray(images).view("<u2").ravel().tolist()


def assert_equal_sets(found, expected):
    for split in ("train", "test"):
        for part in ("images", "labels"):
            one, other = getattr(getattr(found, split), part), getattr(getattr(expected, split), part)
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    assert found.num_classes == expected.num_classes
    assert found.facts == expected.facts


def one_line(caught):
    """The message of a DataError, which has to be one line."""
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def never():
    pytest.fail("made again")
