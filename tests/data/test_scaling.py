"""Pixels as they are fed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_sets import random_set

from bnjax.data import (
    ImageSet,
    input_scaling,
)

pytestmark = pytest.mark.usefixtures("own_cache")


def scaled(name, images):
    scaling = input_scaling(name, ImageSet(images, np.zeros(len(images), np.int32)))
    return (images - np.array(scaling.mean)) / np.array(scaling.deviation)


def test_raw_pixels_stay():
    images = random_set(5).images
    np.testing.assert_array_equal(scaled("raw", images), images)


def test_unit_pixels_are_fractions_of_255():
    images = random_set(5).images
    np.testing.assert_array_equal(scaled("unit", images), images / 255)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 10**6))
def test_standardized_statistics_equal_numpys_in_float64(count, channels, seed):
    images = random_set(count, (5, 4, channels), seed=seed).images
    scaling = input_scaling("standardize", ImageSet(images, np.zeros(len(images), np.int32)))
    wide = images.astype(np.float64)
    np.testing.assert_allclose(scaling.mean, wide.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(scaling.deviation, wide.std(axis=(0, 1, 2)), rtol=1e-12)
    assert all(type(number) is float for number in scaling.mean + scaling.deviation)


def test_standardized_images_have_mean_0_and_deviation_1():
    done = scaled("standardize", random_set(50).images)
    np.testing.assert_allclose(done.mean(axis=(0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(done.std(axis=(0, 1, 2)), 1, rtol=1e-12)


def test_a_channel_of_one_value_is_only_shifted():
    scaling = input_scaling(
        "standardize", ImageSet(np.full((3, 2, 2, 1), 7, np.uint8), np.zeros(3, np.int32))
    )
    assert (scaling.mean, scaling.deviation) == ((7.0,), (1.0,))
