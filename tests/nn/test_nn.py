"""Layers against Flax's own, closed forms and numerical derivatives."""

import math
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.test_util import check_grads

from bnjax.nn import BatchNorm, Unit, average_pool, batch_norm, max_pool
from bnjax.nn.activations import PRELU_SLOPE, activate
from bnjax.nn.conv import conv2d, depthwise_conv2d
from bnjax.nn.initializers import kernel_initializer
from bnjax.settings.units import NormSettings, UnitSettings

pytestmark = pytest.mark.slow  # it compiles


@pytest.fixture
def _float64():
    with jax.enable_x64(True):
        yield


def normal(shape, seed=0, mean=0.0, dtype=np.float32):
    return jnp.asarray(np.random.default_rng(seed).normal(mean, 1, shape), dtype)


def textbook_batch_norm(x, scale, bias, epsilon):
    axes = tuple(range(x.ndim - 1))
    mean, var = x.mean(axes), x.var(axes)
    return (x - mean) / jnp.sqrt(var + epsilon) * scale + bias


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("shape", [(7, 5), (3, 4, 6, 5), (2, 5)])
def test_batch_norm_and_its_gradient_are_the_textbook_ones(shape):
    x, dy = normal(shape, 1, 3.0, np.float64), normal(shape, 2, dtype=np.float64)
    scale, bias = normal((5,), 3, dtype=np.float64), normal((5,), 4, dtype=np.float64)
    ours, pull = jax.vjp(lambda *a: batch_norm(*a, 1e-3)[0], x, scale, bias)
    theirs, their_pull = jax.vjp(lambda *a: textbook_batch_norm(*a, 1e-3), x, scale, bias)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    for mine, other in zip(pull(dy), their_pull(dy), strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-11)


@pytest.mark.usefixtures("_float64")
def test_batch_norm_gradients_to_second_order_are_numerically_right():
    x, scale, bias = normal((4, 3), 1, dtype=np.float64), normal((3,), 2), normal((3,), 3)
    arguments = (x, scale.astype(np.float64), bias.astype(np.float64))
    check_grads(lambda *a: batch_norm(*a, 1e-3)[0], arguments, order=2, modes=["rev"])


def test_batch_norm_keeps_its_digits_where_the_mean_is_large():
    x = normal((4096, 2), mean=10_000.0)
    variance = np.asarray(x, np.float64).var(0)
    np.testing.assert_allclose(batch_norm(x, jnp.ones(2), jnp.zeros(2), 1e-3)[2], variance, rtol=1e-4)


@pytest.mark.parametrize("train", [True, False])
def test_batch_norm_module_equals_flax(train):
    x = normal((8, 6, 6, 4), mean=2.0)
    ours = BatchNorm(NormSettings(norm_momentum=0.9, norm_epsilon=1e-3))
    theirs = nn.BatchNorm(momentum=0.9, epsilon=1e-3, use_running_average=not train, use_fast_variance=False)
    params = {"scale": normal((4,), 1), "bias": normal((4,), 2)}
    variables = {"params": params, "batch_stats": {"mean": normal((4,), 3), "var": normal((4,), 4) ** 2}}
    mine, updated = ours.apply(variables, x, train=train, mutable=["batch_stats"])
    other, their_updated = theirs.apply(variables, x, mutable=["batch_stats"])
    np.testing.assert_allclose(mine, other, atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), updated, their_updated)


def test_batch_norm_in_bfloat16_keeps_statistics_in_float32():
    y, mean, var = batch_norm(normal((64, 3)).astype(jnp.bfloat16), jnp.ones(3), jnp.zeros(3), 1e-3)
    assert (y.dtype, mean.dtype, var.dtype) == (jnp.bfloat16, jnp.float32, jnp.float32)


@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(2, 9),
    width=st.integers(2, 9),
    window=st.integers(2, 3),
    stride=st.sampled_from([None, 1, 2]),
    levels=st.sampled_from([3, 1000]),
)
def test_max_pool_and_its_gradient_equal_flax_even_with_ties(height, width, window, stride, levels):
    if min(height, width) < window:
        window = 2
    x = jnp.asarray(np.random.default_rng(height).integers(0, levels, (2, height, width, 3)), jnp.float32)

    @jax.jit  # else each of its operations is compiled by itself, for every shape
    def both(x):
        ours, pull = jax.vjp(lambda x: max_pool(x, window, stride), x)
        theirs, their_pull = jax.vjp(lambda x: nn.max_pool(x, (window,) * 2, (stride or window,) * 2), x)
        dy = jnp.round(normal(ours.shape) * 8)  # whole numbers: sums where squares overlap are exact
        return (ours, theirs), (pull(dy)[0], their_pull(dy)[0])

    for ours, theirs in both(x):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("sides", [(1, 1), (1, 4), (2, 5), (7, 6)])
@pytest.mark.parametrize("window", [3, 5])
def test_average_pool_and_its_gradient_equal_flax_and_padding_does_not_count(sides, window):
    x = normal((2, *sides, 3), mean=1.0, dtype=np.float64)
    ours, pull = jax.vjp(lambda x: average_pool(x, window), x)
    theirs, their_pull = jax.vjp(
        lambda x: nn.avg_pool(x, (window,) * 2, padding="SAME", count_include_pad=False), x
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    dy = normal(ours.shape, 1, dtype=np.float64)
    np.testing.assert_allclose(pull(dy)[0], their_pull(dy)[0], atol=1e-12)


def test_average_pool_in_bfloat16_adds_in_float32():
    """256 + 1 is 256 in bfloat16."""
    x = jnp.ones((1, 3, 3, 1), jnp.bfloat16).at[0, 0, 0, 0].set(256)
    pooled = average_pool(x)
    assert pooled.dtype == jnp.bfloat16
    assert float(pooled[0, 1, 1, 0]) == float(jnp.bfloat16(264 / 9))


def test_a_norm_without_scale_is_one_whose_scale_is_1():
    x = normal((8, 5), mean=2.0)
    plain, scaled = BatchNorm(NormSettings(norm_scale=False)), BatchNorm()
    variables = plain.init(jax.random.key(0), x, train=True)
    assert set(variables["params"]) == {"bias"}
    bias = normal((5,), 1)
    with_scale = {**variables, "params": {"bias": bias, "scale": jnp.ones(5)}}

    def output(norm, variables, train):
        return norm.apply(variables, x, train=train, mutable=["batch_stats"])

    for train in (True, False):
        mine = output(plain, {**variables, "params": {"bias": bias}}, train)
        jax.tree.map(np.testing.assert_array_equal, mine, output(scaled, with_scale, train))


@pytest.mark.parametrize(
    ("name", "values", "slopes"),
    [
        ("relu", [0, 0, 0, 1, 6, 8], [0, 0, 0, 1, 1, 1]),
        ("leaky_relu", [-0.2, -0.1, 0, 1, 6, 8], [0.1, 0.1, 0.1, 1, 1, 1]),
        ("prelu", [-0.2, -0.1, 0, 1, 6, 8], [0.1, 0.1, 0.1, 1, 1, 1]),
        ("thresholded", [0.1, 0.1, 0.1, 1, 6, 8], [0, 0, 0, 1, 1, 1]),
        ("relu6", [0, 0, 0, 1, 6, 6], [0, 0, 0, 1, 0, 0]),
        ("elu", [math.exp(-2) - 1, math.exp(-1) - 1, 0, 1, 6, 8], [math.exp(-2), math.exp(-1), 1, 1, 1, 1]),
    ],
)
def test_activations_and_their_slopes_at_the_kinks(name, values, slopes):
    x = jnp.asarray([-2.0, -1.0, 0.0, 1.0, 6.0, 8.0])
    np.testing.assert_allclose(activate(x, name, 0.1), values, atol=1e-7)
    slope = jax.vmap(jax.grad(lambda v: activate(v, name, 0.1)))(x)
    np.testing.assert_allclose(slope, slopes, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "formula"),
    {
        "gelu": lambda x: x * scipy.stats.norm.cdf(x),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "tanh": lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1),
    }.items(),
)
def test_smooth_activations_are_their_formulas(name, formula):
    with jax.enable_x64():
        x = np.linspace(-4, 4, 33)
        np.testing.assert_allclose(activate(jnp.asarray(x), name, 0.1), formula(x), atol=1e-12)
        slope = jax.vmap(jax.grad(lambda v: activate(v, name, 0.1)))(jnp.asarray(x))
        np.testing.assert_allclose(slope, (formula(x + 1e-5) - formula(x - 1e-5)) / 2e-5, atol=1e-9)


def test_an_unknown_activation_is_named():
    with pytest.raises(ValueError, match=r"'swish' is not one of relu, leaky_relu, relu6"):
        activate(jnp.zeros(1), "swish", 0.1)


def test_gaussian_kernels_have_the_deviation_that_is_asked_for():
    kernel = np.asarray(kernel_initializer("gaussian", 0.03)(jax.random.key(0), (400, 300)))
    # The deviation of the estimate is 0.03 / sqrt(2 * 120,000).
    assert abs(kernel.std() - 0.03) < 4 * 0.03 / math.sqrt(240_000)
    assert abs(kernel.mean()) < 4 * 0.03 / math.sqrt(120_000)


def test_an_unknown_initialiser_is_named():
    with pytest.raises(ValueError, match=r"'zeros' is not one of glorot_uniform, .*gaussian"):
        kernel_initializer("zeros", 1.0)


def test_a_prelu_learns_a_slope_for_each_feature():
    x, unit = normal((30, 5)), Unit("dense", 4, settings=UnitSettings(activation="prelu", negative_slope=0.9))
    variables = unit.init(jax.random.key(0), x, train=False)
    np.testing.assert_array_equal(variables["params"]["slope"], np.full(4, PRELU_SLOPE, np.float32))

    def output(params):
        return unit.apply({"params": params}, x, train=True)

    before = x @ variables["params"]["kernel"]  # biases are zero
    expected = jnp.where(before > 0, before, 0.25 * before)
    np.testing.assert_allclose(output(variables["params"]), expected, atol=1e-6)
    gradient = jax.grad(lambda params: output(params).sum())(variables["params"])["slope"]
    np.testing.assert_allclose(gradient, jnp.minimum(before, 0).sum(0), rtol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "prelu"])
@pytest.mark.parametrize("kind", ["conv", "depthwise", "dense"])
@pytest.mark.parametrize("order", ["absent", "before", "after"])
@pytest.mark.parametrize("train", [True, False])
def test_a_gated_unit_equals_the_static_one(kind, order, train, activation):
    x = normal({"conv": (8, 6, 6, 3), "depthwise": (8, 6, 6, 4), "dense": (8, 5)}[kind])
    static = Unit(kind, 4, order, settings=UnitSettings(activation=activation))
    gated = Unit(kind, 4, order, gated=True, settings=UnitSettings(activation=activation))
    variables = gated.init(jax.random.key(0), x, train=False)
    plain = static.init(jax.random.key(0), x, train=False)
    np.testing.assert_array_equal(plain["params"]["kernel"], variables["params"]["kernel"])

    def run(unit, variables):
        y, updated = unit.apply(variables, x, train=train, mutable=["batch_stats", "probes"])
        return (y * normal(y.shape, 9)).sum(), (y, updated)

    def run_with(unit, variables):
        fixed = {name: tree for name, tree in variables.items() if name != "params"}
        return jax.grad(lambda params: run(unit, {"params": params, **fixed}), has_aux=True)(
            variables["params"]
        )

    (mine, (y, updated)), (other, (plain_y, plain_updated)) = (
        run_with(gated, variables),
        run_with(static, plain),
    )
    np.testing.assert_allclose(y, plain_y, atol=1e-6)
    for name in other.keys() - {"norm"}:
        np.testing.assert_allclose(mine[name], other[name], atol=2e-5)
    np.testing.assert_allclose(
        updated["probes"]["activation_input_max"], plain_updated["probes"]["activation_input_max"], atol=1e-6
    )
    if order != "absent":
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            updated["batch_stats"],
            plain_updated["batch_stats"],
        )


def convolved(x, kernel, stride, padding):
    """Written out in NumPy; a depthwise kernel [rows, columns, 1, channels] meets each channel alone."""
    sizes = kernel.shape[:2]
    pads = [(0, 1), (0, 1)] if padding == "end" else [(0, 0), (0, 0)]
    if padding == "same":  # the rule of TensorFlow and Keras
        missing = [
            max((math.ceil(side / stride) - 1) * stride + size - side, 0)
            for side, size in zip(x.shape[1:3], sizes, strict=True)
        ]
        pads = [(total // 2, total - total // 2) for total in missing]
    x = np.pad(x, [(0, 0), *pads, (0, 0)])
    rows, columns = (
        range(0, side - size + 1, stride) for side, size in zip(x.shape[1:3], sizes, strict=True)
    )
    patches = np.stack(
        [np.stack([x[:, r : r + sizes[0], c : c + sizes[1]] for c in columns], 1) for r in rows], axis=1
    )
    if kernel.shape[2] == 1:
        return np.einsum("brcijf,ijf->brcf", patches, kernel[:, :, 0])
    return np.einsum("brcijk,ijkf->brcf", patches, kernel)


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize("sides", [(7, 8), (6, 5)])
@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [
        ((3, 3), 1, "same"),
        ((3, 3), 2, "same"),
        ((3, 3), 2, "end"),
        ((3, 3), 1, "valid"),
        ((3, 3), 2, "valid"),
        ((1, 5), 1, "same"),
        ((5, 1), 1, "same"),
        ((3, 1), 2, "valid"),
        ((1, 1), 1, "same"),
        ((1, 1), 1, "end"),
        ((1, 1), 2, "same"),
    ],
)
@pytest.mark.parametrize("form", [conv2d, depthwise_conv2d])
def test_convolutions_at_odd_and_even_sides(form, size, stride, padding, sides):
    x = normal((2, *sides, 3), dtype=np.float64)
    kernel = normal((*size, 1 if form is depthwise_conv2d else 3, 3), 1, dtype=np.float64)
    expected = convolved(np.asarray(x), np.asarray(kernel), stride, padding)
    np.testing.assert_allclose(form(x, kernel, stride, padding), expected, atol=1e-12)


def plain_depthwise(x, kernel, stride, pads):
    """XLA's own form."""
    layout = ("NHWC", "HWIO", "NHWC")
    groups = x.shape[-1]
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), pads, dimension_numbers=layout, feature_group_count=groups
    )


@pytest.mark.usefixtures("_float64")
@pytest.mark.parametrize(
    ("sides", "size", "stride", "padding"),
    [((7, 8), 3, 1, "same"), ((9, 16), 3, 2, "same"), ((11, 6), 3, 2, "end"), ((8, 13), 5, 3, "same")],
)
def test_gradients_of_a_depthwise_convolution_are_those_of_xlas_own(sides, size, stride, padding):
    """First and second ones; sides that no small number divides, and such that are cut into parts."""
    x, kernel = normal((3, *sides, 4), dtype=np.float64), normal((size, size, 1, 4), 1, dtype=np.float64)
    pads = "SAME" if padding == "same" else ((0, 1), (0, 1))

    def ours(x, kernel):
        return depthwise_conv2d(x, kernel, stride, padding)

    def plain(x, kernel):
        return plain_depthwise(x, kernel, stride, pads)

    def derivatives(form):
        def loss(x, kernel):
            return (form(x, kernel) ** 3).sum()

        def of_gradients(x, kernel):
            return sum((g**2).sum() for g in jax.grad(loss, (0, 1))(x, kernel))

        first, second = jax.grad(loss, (0, 1)), jax.grad(of_gradients, (0, 1))
        return jax.jit(lambda x, kernel: (form(x, kernel), first(x, kernel), second(x, kernel)))(x, kernel)

    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9), derivatives(ours), derivatives(plain))


def test_a_depthwise_kernels_gradient_in_bfloat16_adds_in_float32():
    """4,096 ones: bfloat16 would stop at 256."""
    x, kernel = jnp.ones((64, 8, 8, 2), jnp.bfloat16), jnp.ones((3, 3, 1, 2), jnp.bfloat16)
    gradient = jax.jit(jax.grad(lambda kernel: depthwise_conv2d(x, kernel).astype(jnp.float32).sum()))(kernel)
    assert gradient.dtype == jnp.bfloat16
    assert gradient[1, 1].tolist() == [[4096.0] * 2]


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="other platforms have XLA's own form")
@pytest.mark.parametrize(
    ("form", "size", "stride"), [(depthwise_conv2d, (3, 3, 1, 4), 2), (conv2d, (1, 1, 4, 4), 1)]
)
def test_what_is_faster_otherwise_is_no_convolution_to_xla_on_cpu(form, size, stride):
    x, kernel = normal((2, 6, 6, 4)), normal(size)
    loss = jax.grad(lambda x, kernel: form(x, kernel, stride).sum(), (0, 1))
    assert "convolution" not in jax.jit(loss).lower(x, kernel).as_text()


def test_a_kernel_has_rows_and_columns():
    unit = Unit("conv", 4, kernel_size=(1, 7))
    shapes = jax.eval_shape(partial(unit.init, train=False), jax.random.key(0), normal((2, 9, 9, 3)))
    assert shapes["params"]["kernel"].shape == (1, 7, 3, 4)


def test_a_depthwise_unit_has_a_kernel_for_each_channel_and_no_bias_if_so_asked():
    x = normal((2, 5, 5, 4))
    unit = Unit("depthwise", 4, stride=2, padding="end", use_bias=False)
    y, variables = unit.init_with_output(jax.random.key(0), x, train=False)
    assert jax.tree.map(jnp.shape, variables) == {"params": {"kernel": (3, 3, 1, 4)}}
    assert y.shape == (2, 2, 2, 4)
    assert float(y.min()) == 0.0


@pytest.mark.parametrize("activation", ["relu", "prelu"])
def test_a_linear_unit_has_no_activation_whatever_its_order(activation):
    x = normal((8, 5))
    outputs = []
    for order in ("before", "after"):
        unit = Unit("dense", 4, order, settings=UnitSettings(activation=activation), linear=True)
        variables = unit.init(jax.random.key(0), x, train=False)
        assert set(variables["params"]) == {"kernel", "bias", "norm"}
        y, updated = unit.apply(variables, x, train=True, mutable=["batch_stats", "probes"])
        assert "probes" not in updated
        outputs.append(y)
    np.testing.assert_array_equal(*outputs)
    np.testing.assert_allclose(outputs[0].mean(0), np.zeros(4), atol=1e-6)


def test_dropout_zeroes_and_scales_in_training_only():
    x, unit = jnp.ones((50, 40)), Unit("dense", 400, settings=UnitSettings(dropout=0.4))
    variables = unit.init(jax.random.key(0), x, train=False)
    kept = unit.apply(variables, x, train=False)
    dropped = unit.apply(variables, x, train=True, rngs={"dropout": jax.random.key(1)})
    active = np.asarray(kept) > 0
    share = (np.asarray(dropped)[active] == 0).mean()
    assert abs(share - 0.4) < 0.02
    survivors = np.asarray(dropped)[active & (np.asarray(dropped) != 0)]
    np.testing.assert_allclose(
        survivors, np.asarray(kept)[active & (np.asarray(dropped) != 0)] / 0.6, rtol=1e-6
    )
