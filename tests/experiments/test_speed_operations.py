"""The operations of a step, counted by hand and by XLA."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from speed_peers.networks import ARCHITECTURES, Task
from speed_peers.operations import layer_operations, step_operations


def test_a_dense_network_by_hand():
    # Each image: a product of 784 pixels with 256 columns, and of these with 10, forward and for the kernels'
    # gradients; the second one's input has a gradient too.
    first, second = 2 * 784 * 256, 2 * 256 * 10
    task = Task("mlp", 100, 1)
    assert layer_operations(task) == [first, second]
    assert step_operations(task) == 100 * (2 * first + 3 * second)


def test_a_convolution_by_hand():
    # 5 x 5 over 32 x 32: along a side, windows at both ends hold 3 and 4 pixels, the 28 others 5.
    met = 3 + 4 + 28 * 5 + 4 + 3
    first, second, *_ = layer_operations(Task("cnn", 128, 1))
    assert first == 2 * met * met * 3 * 32
    assert second == 2 * (met - 16 * 5) ** 2 * 32 * 64  # the pool leaves 16 places of 5 fewer


@pytest.mark.parametrize(
    ("network", "kernel", "groups", "stride"),
    [("mobilenetv2", (3, 3, 3, 32), 1, 2), ("vgg7", (3, 3, 3, 64), 1, 1)],
)
def test_a_first_convolution_as_xla_counts(network, kernel, groups, stride):
    task = Task(network, 1, 1)

    def convolve(images, kernel):
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            images, kernel, (stride, stride), "SAME", dimension_numbers=layout, feature_group_count=groups
        )

    lowered = jax.jit(convolve).lower(jnp.zeros((1, *task.image_shape)), jnp.zeros(kernel))
    assert layer_operations(task)[0] == lowered.cost_analysis()["flops"]


@pytest.mark.parametrize("network", ARCHITECTURES)
def test_a_whole_network_as_published(network):
    """Forward, for one image; that zeros around images are not counted makes it a little less."""
    published = {
        "mobilenetv2": (224, 2 * 300e6),  # Sandler et al. 2018, table 4
        "inceptionv3": (299, 2 * 5.7e9),  # torchvision's model page
    }
    if network in published:
        side, expected = published[network]
        found = sum(layer_operations(Task(network, 1, 1, image_size=side)))
        assert found == pytest.approx(expected, rel=0.05)
    assert step_operations(Task(network, 4, 1)) == 4 * step_operations(Task(network, 1, 1))
