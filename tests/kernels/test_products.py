"""What kernels compute, against XLA's convolution in float64."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest
from against_xla import assert_close, exactly, inputs, products, single
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnjax.kernels.products import convolved
from bnjax.kernels.writing import machine
from bnjax.kernels.writing.shapes import Convolution


def by_kernels(shape, arrays):
    return products(partial(convolved, shape=shape), *single(arrays))


def check(shape, batch):
    arrays = inputs(shape, batch)
    assert_close(by_kernels(shape, arrays), exactly(shape, arrays))


@st.composite
def convolutions(draw):
    """Shapes of any kind that have an output, with any padding up to what a kernel overlaps."""
    depthwise = draw(st.booleans())
    rows, columns = (draw(st.sampled_from((1, 2, 3, 5, 7))) for _ in range(2))
    if depthwise:
        rows, columns = min(rows, 5), min(columns, 5)
    pads = []
    for taps in (rows, columns):
        pads.append(tuple(draw(st.integers(0, taps - 1)) for _ in range(2)))
    sides = [
        draw(st.integers(max(1, taps - sum(around)), 12))
        for taps, around in zip((rows, columns), pads, strict=True)
    ]
    channels = draw(st.integers(1, 40))
    features = channels if depthwise else draw(st.integers(1, 70))
    stride = draw(st.integers(1, 3))
    return Convolution(*sides, channels, features, rows, columns, stride, tuple(pads), depthwise)


#: A side narrower than its padding, which makes jaxlib 0.10.2 abort: see ``against_xla.plainly``.
NARROW = Convolution(10, 1, 28, 43, 2, 5, 2, ((1, 1), (2, 3)), False)


@settings(max_examples=12, derandomize=True)
@example(NARROW, 3)
@given(convolutions(), st.integers(1, 5))
def test_any_shape(shape, batch):
    check(shape, batch)


@pytest.mark.slow
@settings(max_examples=15)
@given(convolutions(), st.integers(1, 5))
def test_more_shapes(shape, batch):
    check(shape, batch)


SAME, END, VALID = ((1, 1), (1, 1)), ((0, 1), (0, 1)), ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("shape", "batch"),
    [
        pytest.param(Convolution(32, 32, 3, 32, 5, 5, 1, ((2, 2), (2, 2))), 9, id="first layer"),
        pytest.param(Convolution(8, 8, 64, 128, 3, 3, 1, SAME), 4, id="two blocks of features"),
        pytest.param(Convolution(17, 17, 24, 40, 1, 7, 1, ((0, 0), (3, 3))), 3, id="1 x 7"),
        pytest.param(Convolution(17, 17, 24, 40, 7, 1, 1, ((3, 3), (0, 0))), 3, id="7 x 1"),
        pytest.param(Convolution(9, 9, 24, 24, 1, 1, 2, VALID), 3, id="1 x 1, every second pixel"),
        pytest.param(Convolution(1, 1, 24, 40, 3, 3, 1, SAME), 8, id="an image of one pixel"),
        pytest.param(Convolution(4, 4, 5, 6, 3, 3, 1, SAME), 1000, id="a thousand images"),
        pytest.param(Convolution(4, 4, 5, 6, 3, 3, 2, END), 1, id="one image"),
        pytest.param(Convolution(3, 4, 2, 3, 2, 2, 5, VALID), 2, id="pixels that nothing sees"),
        pytest.param(Convolution(24, 24, 48, 48, 3, 3, 1, SAME, True), 3, id="depthwise"),
        pytest.param(Convolution(23, 24, 20, 20, 3, 3, 2, END, True), 40, id="depthwise, stride 2, a part"),
        pytest.param(Convolution(1, 1, 20, 20, 3, 3, 1, SAME, True), 2, id="depthwise, one pixel"),
    ],
)
def test_shapes_of_networks(shape, batch):
    check(shape, batch)


@pytest.mark.parametrize("lanes", [4, 8])
@pytest.mark.parametrize("depthwise", [False, True])
def test_smaller_vectors(monkeypatch, lanes, depthwise):
    """AVX2's, and those of ARM with code for this processor."""
    host = machine.host_machine()
    if lanes > host.lanes:
        pytest.skip(f"this processor has vectors of {host.lanes}")
    other = dataclasses.replace(host, lanes=lanes, registers={4: 32, 8: 16}[lanes])
    monkeypatch.setattr(machine, "host_machine", lambda: other)
    check(Convolution(9, 10, 21, 21, 3, 3, 2, END, depthwise), 3)


@pytest.mark.parametrize("depthwise", [False, True])
def test_what_is_no_number_stays_none_and_spreads_no_further(depthwise):
    """One NaN and one infinity, in images and in gradients, four pixels apart."""
    shape = Convolution(9, 9, 3, 3, 3, 3, 1, SAME, depthwise)
    x, kernel, gradient = single(inputs(shape, 3))
    x[0, 1, 1, 0], x[0, 6, 6, 2] = np.nan, np.inf
    gradient[1, 1, 1, 0], gradient[1, 6, 6, 2] = np.nan, -np.inf
    result, of_input, of_kernel = products(partial(convolved, shape=shape), x, kernel, gradient)
    near = np.zeros((9, 9), bool)
    near[:3, :3] = near[5:8, 5:8] = True
    for found, image in ((result, 0), (of_input, 1)):
        assert np.isfinite(found[[other for other in range(3) if other != image]]).all()
        assert (np.isfinite(found[image]).all(-1) == ~near).all()
        assert np.isnan(found[image, 1, 1]).any()
        assert np.isinf(found[image, 6, 6]).any()
    assert np.isnan(of_kernel).any()


@pytest.mark.parametrize("depthwise", [False, True])
def test_no_images_are_no_result(depthwise):
    shape = Convolution(4, 4, 3, 3, 3, 3, 1, SAME, depthwise)
    result, of_input, of_kernel = by_kernels(shape, inputs(shape, 0))
    assert result.shape == of_input.shape == (0, 4, 4, 3)
    assert (of_kernel == 0).all()


def test_inputs_that_are_not_aligned():
    shape = Convolution(6, 6, 5, 7, 3, 3, 1, SAME)
    arrays = inputs(shape, 2)
    shifted = []
    for array in single(arrays):
        whole = np.empty(array.size + 1, np.float32)
        whole[1:] = array.ravel()
        shifted.append(whole[1:].reshape(array.shape))
    found = products(partial(convolved, shape=shape), *shifted)
    assert_close(found, exactly(shape, arrays))


def test_any_batch_is_the_same_code():
    shape = Convolution(5, 5, 3, 4, 3, 3, 1, SAME)
    names = set()
    for batch in (1, 2, 7):
        lowered = jax.jit(partial(convolved, shape=shape)).lower(*single(inputs(shape, batch)[:2]))
        names.update(word for word in lowered.as_text().split() if "bnjax_dense_forward" in word)
    assert len(names) == 1
