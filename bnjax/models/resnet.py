"""Residual networks for small images (He et al. 2016, section 4.2)."""

import jax.numpy as jnp
from jax import Array

from bnjax.architectures.resnet import RESNET, RESNET_FEATURES, resnet_blocks, resnet_sites
from bnjax.models.network import Network
from bnjax.nn.checks import check_choice
from bnjax.nn.unit import activate
from bnjax.placement import Site


class ResNet(Network):
    """Convolution 16, three stages of blocks with 16, 32 and 64 features, global average, logits.

    A block is two 3 x 3 convolutions whose outputs are added to its inputs, and an activation behind the sum.
    As published, every convolution has a norm, before its activation or before the sum: ``placement="all"``,
    ``order="before"``. So it has 269,722 parameters at depth 20 and 1,727,962 at 110, with images of three
    channels and ten classes (0.27 and 1.7 million in the paper, table 6). Where a stage begins, the stride is
    2, and zeros lie below and at the right where sides are even.

    Attributes:
      depth: layers with a kernel on the longest way, 6n + 2.
      shortcut: ``pad`` takes every second pixel and adds zeros for the new features, half of them on either
        side (the paper's option A, without parameters); ``project`` is a 1 x 1 convolution (option B).
      conv_bias: whether the convolutions have biases.
    """

    kernel_init: str = "he_normal"
    depth: int = 20
    shortcut: str = "pad"
    conv_bias: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self._place, "activation", self.activation, RESNET.activations or ())

    @property
    def sites(self) -> tuple[Site, ...]:
        return resnet_sites(self.depth, self.shortcut)

    def block(self, name: str, x: Array, train: bool) -> Array:
        if name == "stem":
            return self.unit("stem/conv1", RESNET_FEATURES[0], use_bias=self.conv_bias)(x, train=train)
        [(features, stride)] = [
            (features, stride) for known, features, stride in resnet_blocks(self.depth) if known == name
        ]
        first = self.unit(f"{name}/conv1", features, stride=stride, use_bias=self.conv_bias)
        second = self.unit(f"{name}/conv2", features, use_bias=self.conv_bias)
        residual = second(first(x, train=train), train=train)
        return activate(
            self._shortcut(name, x, residual, train) + residual, self.activation, self.negative_slope
        )

    def _shortcut(self, name: str, x: Array, residual: Array, train: bool) -> Array:
        if x.shape == residual.shape:
            return x
        if self.shortcut == "project":
            unit = self.unit(
                f"{name}/shortcut", residual.shape[-1], kernel_size=1, stride=2, use_bias=self.conv_bias
            )
            return unit(x, train=train)
        new = residual.shape[-1] - x.shape[-1]
        return jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (new // 2, new - new // 2)))

    def top(self, x: Array) -> Array:
        return self.logits(x.mean((1, 2)))
