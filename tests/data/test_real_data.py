"""CIFAR-10 and MNIST as they lie on disk: counts, statistics and encoding.

The folder below $BNJAX_TEST_DATA holds CIFAR-10 as JPEG (a lossy copy), MNIST as the original pixels.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from bnjax.data import input_scaling, load_dataset
from bnjax.settings.config import Config

DATA_DIR = Path(os.environ.get("BNJAX_TEST_DATA", "")) / "tensorflow_datasets"
pytestmark = [pytest.mark.real_data, pytest.mark.slow]

MNIST_TRAIN = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
MNIST_TEST = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def _load(name):
    if "BNJAX_TEST_DATA" not in os.environ or not (DATA_DIR / name).is_dir():
        pytest.skip(f"no prepared {name} below $BNJAX_TEST_DATA/tensorflow_datasets")
    loaded_before = "tensorflow" in sys.modules
    dataset = load_dataset(Config(dataset=name, data_dir=str(DATA_DIR)), (32, 32, 3))
    assert ("tensorflow" in sys.modules) == loaded_before
    assert "tensorflow_datasets" in sys.modules  # it was read now, not found in a cache
    return dataset


@pytest.fixture(scope="module")
def cifar10():
    return _load("cifar10")


@pytest.fixture(scope="module")
def mnist():
    return _load("mnist")


def test_cifar10_has_equal_classes(cifar10):
    assert cifar10.train.images.shape == (50000, 32, 32, 3)
    assert cifar10.test.images.shape == (10000, 32, 32, 3)
    assert np.bincount(cifar10.train.labels).tolist() == [5000] * 10
    assert np.bincount(cifar10.test.labels).tolist() == [1000] * 10
    assert cifar10.num_classes == 10


def test_cifar10_has_the_channel_statistics_of_this_copy(cifar10):
    scaling = input_scaling("standardize", cifar10.train)
    np.testing.assert_allclose(scaling.mean, [125.27, 122.93, 113.86], atol=0.006)
    np.testing.assert_allclose(scaling.deviation, [62.53, 61.91, 66.46], atol=0.006)


def test_cifar10_tells_that_it_is_lossy(cifar10):
    assert cifar10.facts["encoding"] == "jpeg (lossy)"
    assert cifar10.facts["version"] == "3.0.2"
    assert cifar10.facts["source"] == "tfds array_record"
    assert cifar10.facts["image_shape"] == [32, 32, 3]
    assert (cifar10.facts["train_images"], cifar10.facts["test_images"]) == (50000, 10000)


def test_cifar10_images_all_differ_and_classes_are_mixed(cifar10):
    images = np.concatenate([cifar10.train.images, cifar10.test.images])
    assert len({image.tobytes() for image in images}) == 60000
    assert len(set(cifar10.train.labels[:100].tolist())) == 10


def test_mnist_has_the_original_counts(mnist):
    assert mnist.train.images.shape == (60000, 28, 28, 1)
    assert mnist.test.images.shape == (10000, 28, 28, 1)
    assert np.bincount(mnist.train.labels).tolist() == MNIST_TRAIN
    assert np.bincount(mnist.test.labels).tolist() == MNIST_TEST


def test_mnist_has_the_original_pixels(mnist):
    # 0.1307 and 0.3081 are the mean and the deviation of MNIST that every tutorial uses.
    scaling = input_scaling("standardize", mnist.train)
    np.testing.assert_allclose(np.divide(scaling.mean, 255), [0.1307], atol=5e-5)
    np.testing.assert_allclose(np.divide(scaling.deviation, 255), [0.3081], atol=5e-5)


def test_mnist_tells_that_it_is_lossless(mnist):
    assert mnist.facts["encoding"] == "png"
    assert mnist.facts["version"] == "3.0.1"
    assert mnist.facts["image_shape"] == [28, 28, 1]


@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_a_second_reading_comes_from_the_cache(name, request, monkeypatch):
    first = request.getfixturevalue(name)
    monkeypatch.setattr("bnjax.data.sources.prepared._read", lambda *_: pytest.fail("decoded again"))
    second = load_dataset(Config(dataset=name, data_dir=str(DATA_DIR)), (32, 32, 3))
    assert second.facts == first.facts
    np.testing.assert_array_equal(second.test.images, first.test.images)
    np.testing.assert_array_equal(second.train.labels, first.train.labels)
