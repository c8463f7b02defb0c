"""From a config to a set of images, and the bundled digits."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from image_sets import SHAPE, random_set
from sklearn.datasets import load_digits as bundled_digits

from bnjax.data import (
    DataError,
    Dataset,
    load_dataset,
)
from bnjax.data.sources.digits import load_digits
from bnjax.settings.config import Config

pytestmark = pytest.mark.usefixtures("own_cache")


def test_digits_are_1438_and_359():
    digits = load_digits((28, 28, 1))
    assert digits.train.images.shape == (1438, 28, 28, 1)
    assert digits.test.images.shape == (359, 28, 28, 1)
    for part in (digits.train, digits.test):
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int32
        assert (part.images.min(), part.images.max()) == (0, 255)
        assert set(part.labels.tolist()) == set(range(10))
    assert digits.check("digits") is digits


def test_digits_of_their_own_size_are_the_bundled_ones():
    digits = load_digits((8, 8, 1))
    images, labels = bundled_digits(return_X_y=True)
    expected = np.round(images.reshape(-1, 8, 8, 1) / 16 * 255)
    test = np.arange(1797) % 5 == 4
    np.testing.assert_array_equal(digits.test.images, expected[test])
    np.testing.assert_array_equal(digits.train.images, expected[~test])
    np.testing.assert_array_equal(digits.train.labels, labels[~test])


def test_digits_have_one_gray_value_in_every_channel():
    gray, colour = load_digits((16, 12, 1)), load_digits((16, 12, 3))
    assert colour.test.images.shape == (359, 16, 12, 3)
    for channel in range(3):
        np.testing.assert_array_equal(colour.test.images[..., channel], gray.test.images[..., 0])


def test_digits_come_from_the_cache_at_the_second_start(tmp_path):
    """Importing scikit-learn would take a third of that start."""
    look = "import sys; from bnjax.data.sources.digits import load_digits; digits = load_digits((9, 8, 3)); "
    look += "print('sklearn' in sys.modules, digits.train.images.sum(), digits.facts)"
    command = [sys.executable, "-c", look]
    env = {**os.environ, "BNJAX_CACHE_DIR": str(tmp_path)}
    starts = (subprocess.run(command, env=env, capture_output=True, text=True, check=True) for _ in range(2))
    (first, *found), (second, *same) = (start.stdout.split() for start in starts)
    assert (first, second, found) == ("True", "False", same)


def test_facts_are_complete():
    facts = load_dataset(Config(dataset="digits"), SHAPE).facts
    assert facts == {
        **facts,
        "name": "digits",
        "image_shape": [32, 32, 3],
        "adaptation": "8x8x1 resized to 32x32x3 (bilinear)",
        "classes": 10,
        "train_images": 1438,
        "validation_images": 0,
        "test_images": 359,
    }
    json.dumps(facts, allow_nan=False)


def test_validation_images_are_the_last_of_the_training_ones():
    whole = load_dataset(Config(dataset="digits"), SHAPE)
    cut = load_dataset(Config(dataset="digits", validation=0.1, seed=7), SHAPE)
    assert whole.validation is None
    assert (len(cut.train), len(cut.validation), len(cut.test)) == (1294, 144, 359)
    assert (cut.facts["train_images"], cut.facts["validation_images"]) == (1294, 144)
    joined = np.concatenate([cut.train.images, cut.validation.images])
    np.testing.assert_array_equal(joined, whole.train.images)
    joined = np.concatenate([cut.train.labels, cut.validation.labels])
    np.testing.assert_array_equal(joined, whole.train.labels)
    np.testing.assert_array_equal(cut.test.images, whole.test.images)


def test_fewer_images_are_spread_evenly():
    whole = load_dataset(Config(dataset="digits"), SHAPE)
    some = load_dataset(Config(dataset="digits", train_images=100, test_images=50), SHAPE)
    assert (some.facts["train_images"], some.facts["test_images"]) == (100, 50)
    trained, tested = (
        [n * total // count for n in range(count)] for total, count in ((1438, 100), (359, 50))
    )
    np.testing.assert_array_equal(some.train.images, whole.train.images[trained])
    np.testing.assert_array_equal(some.test.labels, whole.test.labels[tested])
    most = load_dataset(Config(dataset="digits", test_images=300), SHAPE)
    np.testing.assert_array_equal(most.test.images[-1], whole.test.images[359 * 299 // 300])
    with pytest.raises(DataError, match="--train_images=1439: there are 1438"):
        load_dataset(Config(dataset="digits", train_images=1439), SHAPE)


@pytest.mark.parametrize("fraction", [1e-4, 0.9999])
def test_a_part_without_images_is_refused(fraction):
    with pytest.raises(DataError, match=f"--validation={fraction} holds out .* of 1438"):
        load_dataset(Config(dataset="digits", validation=fraction), SHAPE)


def test_images_too_small_for_a_network_are_refused():
    with pytest.raises(DataError, match=r"images of 3x5 are too small for cnn, which needs 4x4"):
        load_dataset(Config(dataset="digits"), (3, 5, 1), smallest=4)
    assert load_dataset(Config(dataset="digits"), (4, 5, 1), smallest=4).facts["image_shape"] == [4, 5, 1]


WRONG_SETS = {
    "images": (lambda part: dict(images=part.images.astype(np.float32)), "float32"),
    "rank": (lambda part: dict(images=part.images[..., 0]), r"\(5, 4, 3\)"),
    "count": (lambda part: dict(labels=part.labels[1:]), "with 4 labels"),
    "empty": (lambda part: dict(images=part.images[:0], labels=part.labels[:0]), "holds no images"),
    "large label": (lambda part: dict(labels=part.labels * 0 + 10), r"labels outside 0\.\.9"),
    "negative label": (lambda part: dict(labels=part.labels * 0 - 1), r"labels outside 0\.\.9"),
}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(("change", "words"), WRONG_SETS.values(), ids=WRONG_SETS.keys())
def test_arrays_that_do_not_fit_are_refused(split, change, words):
    dataset = Dataset(random_set(5), random_set(5), 10, {})
    assert dataset.check("name") is dataset
    part = getattr(dataset, split)
    wrong = dataclasses.replace(dataset, **{split: dataclasses.replace(part, **change(part))})
    with pytest.raises(DataError, match=f"^name, split {split}: .*{words}"):
        wrong.check("name")


def test_images_of_two_shapes_are_refused():
    with pytest.raises(DataError, match=r"differ in shape: \(4, 3, 2\) and \(4, 3, 1\)"):
        Dataset(random_set(5), random_set(5, (4, 3, 1)), 10, {}).check("name")


def test_a_name_that_is_nearly_a_set_is_answered_with_that(tmp_path):
    with pytest.raises(DataError, match=r"^--dataset=digit: did you mean digits\?"):
        load_dataset(Config(dataset="digit", data_dir=str(tmp_path)), SHAPE)
