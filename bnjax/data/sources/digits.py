"""scikit-learn's handwritten digits: 1,797 real images of 8 x 8 pixels that need no download."""

import dataclasses
import importlib.metadata

import numpy as np
from PIL import Image

from bnjax.data.cache import cached
from bnjax.data.image_set import Dataset, ImageSet, in_memory
from bnjax.data.sources.source import Source

_EVERY_FIFTH = 5


def load_digits(shape: tuple[int, int, int]) -> Dataset:
    """The digits, enlarged to a network's usual input; every fifth image is for testing.

    Args:
      shape: height, width, channels; the gray value is repeated in every channel.

    Returns:
      1,438 training and 359 test images, gray values 0..16 spread to 0..255.
    """
    # Importing scikit-learn takes as long as importing JAX twice, so the cache keeps them for the next start.
    small = cached(f"digits-{importlib.metadata.version('scikit-learn')}", _bundled)
    height, width, channels = shape
    adaptation = f"8x8x1 resized to {height}x{width}x{channels} (bilinear)"
    return dataclasses.replace(
        small,
        train=_enlarged(in_memory(small.train), shape),
        test=_enlarged(in_memory(small.test), shape),
        facts={**small.facts, "adaptation": adaptation},
    )


def _bundled() -> Dataset:
    from sklearn.datasets import load_digits as bundled

    rows, labels = bundled(return_X_y=True)
    gray = np.round(rows.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    test = np.arange(len(labels)) % _EVERY_FIFTH == _EVERY_FIFTH - 1
    every = ImageSet(gray, labels.astype(np.int32))
    facts = {
        "name": "digits",
        "version": "scikit-learn",
        "source": "embedded in scikit-learn",
        "encoding": "uncompressed",
        "test_split": "every fifth image",
    }
    return Dataset(every[~test], every[test], 10, facts)


def _enlarged(part: ImageSet, shape: tuple[int, int, int]) -> ImageSet:
    height, width, channels = shape
    large = [
        np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        for image in part.images[..., 0]
    ]
    return ImageSet(np.repeat(np.stack(large)[..., None], channels, axis=3), part.labels)


DIGITS = Source(
    name="digits",
    about="1,797 handwritten digits, part of scikit-learn: no download",
    load=lambda _, shape: load_digits(shape),
)
