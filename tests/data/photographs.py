"""Files of images made up for tests, in folders for each class."""

import numpy as np
import pytest
from PIL import Image

from bnjax.data import DataError, load_dataset
from bnjax.data.picture import read_picture, strict_decoding
from bnjax.settings.config import Config

ORIENTATION = 0x0112  # the EXIF tag


FACTS = ("name", "source", "version", "encoding", "test_split", "adaptation", "class_names", "skipped_images")


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height, width, seed=0):
    """A picture with little in it that is finer than 16 pixels, as photographs have it."""
    small = Image.fromarray(noise(height // 16 + 1, width // 16 + 1, seed=seed))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def write(path, pixels=None, mode=None, **options):
    """Writes an image; its folders appear with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(noise(8, 8) if pixels is None else pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def write_folder(root, splits=("train", "test"), classes=("cat", "dog"), count=3):
    """PNG files of 8 x 8, each another noise; split '' for classes directly in the folder."""
    seed = 0
    for split in splits:
        for name in classes:
            for number in range(count):
                seed += 1
                write(root / split / name / f"{number}.png", noise(8, 8, seed=seed))
    return root


def load(root, side=8, **settings):
    return load_dataset(Config(dataset=f"folder:{root}", image_size=side, **settings), (32, 32, 3))


def refusal(root, **settings):
    """The message of the DataError, which has to be one line."""
    with pytest.raises(DataError) as caught:
        load(root, **settings)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def pixels_of(path, side=8):
    with strict_decoding():
        return read_picture(path, side).pixels


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def counts(part, classes=2):
    return np.bincount(part.labels, minlength=classes).tolist()
