"""What JAX makes of kernels: derivatives of both modes and any order, vmap, remat and loops."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from against_xla import inputs, plainly, single

from bnjax.kernels.products import convolved
from bnjax.kernels.writing.shapes import Convolution

SHAPES = [
    Convolution(7, 6, 3, 5, 3, 3, 1, ((1, 1), (1, 1))),
    Convolution(7, 8, 3, 5, 3, 2, 2, ((0, 1), (0, 1))),
    Convolution(7, 6, 5, 5, 3, 3, 2, ((1, 1), (1, 1)), True),
]


@pytest.fixture(params=SHAPES, ids=["dense", "dense, stride 2", "depthwise"])
def forms(request):
    """Images and a kernel, by kernels and by XLA."""
    x, kernel, _ = single(inputs(request.param, 4))
    return partial(convolved, shape=request.param), partial(plainly, shape=request.param), x, kernel


def assert_alike(derive, forms):
    mine, theirs, x, kernel = forms
    for a, b in zip(
        *(jax.tree.leaves(jax.jit(derive(form))(x, kernel)) for form in (mine, theirs)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-5 * np.abs(b).max())


def loss(form):
    return lambda x, kernel: (jnp.tanh(form(x, kernel) / 9) ** 2).sum()


def norm_of(gradients):
    return sum((gradient**2).sum() for gradient in gradients)


def test_first_derivatives(forms):
    assert_alike(lambda form: jax.grad(loss(form), (0, 1)), forms)


def test_second_derivatives(forms):
    def second(form):
        first = jax.grad(loss(form), (0, 1))
        return jax.grad(lambda x, kernel: norm_of(first(x, kernel)), (0, 1))

    assert_alike(second, forms)


def test_third_derivatives(forms):
    def third(form):
        first = jax.grad(loss(form), (0, 1))
        second = jax.grad(lambda x, kernel: norm_of(first(x, kernel)), (0, 1))
        return jax.grad(lambda x, kernel: norm_of(second(x, kernel)), (0, 1))

    assert_alike(third, forms)


def test_forward_mode(forms):
    assert_alike(lambda form: lambda x, kernel: jax.jvp(form, (x, kernel), (2 * x, kernel**2)), forms)


def test_forward_over_reverse(forms):
    def product(form):
        first = jax.grad(loss(form), (0, 1))
        return lambda x, kernel: jax.jvp(first, (x, kernel), (x, kernel))

    assert_alike(product, forms)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0)])
def test_vmap_is_the_plain_form(forms, axes):
    mine, theirs, x, kernel = forms
    stacked = [
        np.stack([array, 2 * array]) if axis == 0 else array
        for array, axis in zip((x, kernel), axes, strict=True)
    ]
    over = jax.jit(jax.vmap(mine, axes))
    assert "bnjax" not in over.lower(*stacked).as_text()
    expected = jax.vmap(theirs, axes)(*stacked)
    np.testing.assert_allclose(over(*stacked), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_gradients_of_each_example(forms):
    def each(form):
        gradient = jax.grad(lambda kernel, x: loss(form)(x[None], kernel))
        return lambda x, kernel: jax.vmap(gradient, (None, 0))(kernel, x)

    assert_alike(each, forms)


def test_remat_and_loops(forms):
    """A loop whose body is computed anew in the backward pass."""

    def looped(form):
        def total(x, kernel):
            def step(total, scale):
                return total + jax.checkpoint(loss(form))(scale * x, kernel), None

            return jax.lax.scan(step, 0.0, jnp.arange(3.0))[0]

        return jax.grad(total, 1)

    assert_alike(looped, forms)
