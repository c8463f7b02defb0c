"""MobileNetV2 (Sandler et al. 2018), as the experiment on photographs has it (iThome, 2021-10-10)."""

from typing import NamedTuple

import flax.linen as nn
from jax import Array
from jaxtyping import Float

from bnjax.architectures.mobilenetv2 import (
    MOBILENETV2_HALVINGS,
    MOBILENETV2_SITES,
    MOBILENETV2_STAGES,
    mobilenetv2_smallest_side,
)
from bnjax.models.network import Network
from bnjax.nn.shapes import Maps
from bnjax.nn.sums import note_sum
from bnjax.placement import Site

_STEM_FEATURES, _HEAD_FEATURES = 32, 1280
_EXPANSION = 6
_MULTIPLE = 8


class _Block(NamedTuple):
    """An inverted residual: expand with 1 x 1, 3 x 3 for each channel, project with 1 x 1."""

    name: str
    expansion: int
    features: int
    stride: int


def scaled_features(features: int, width_multiplier: float) -> int:
    """Features times the multiplier, as a multiple of 8 that is at most a tenth smaller (Keras's rule)."""
    scaled = features * width_multiplier
    rounded = max(_MULTIPLE, int(scaled + _MULTIPLE / 2) // _MULTIPLE * _MULTIPLE)
    return rounded + _MULTIPLE if rounded < 0.9 * scaled else rounded


class MobileNetV2(Network):
    """Convolution 32, 17 inverted residual blocks, convolution 1280, global average, logits.

    Convolutions have no biases, the last one of a block has no activation (its *linear bottleneck*), the
    others end in ReLU6. As published, all 52 sites have a norm: ``placement="all"``; ``order="after"`` is
    the second network of the experiment and moves the 35 norms that have an activation to move behind.
    With norms everywhere it has 2,257,984 + 1,281 x classes numbers, 34,112 of them running statistics.

    Keras's own MobileNetV2 is the same network with ``stride_padding="same"`` and ``norm_momentum=0.999``,
    and with a softmax behind the logits. The padding matters where a side is odd: ``end`` leaves out the
    row and the column that ``same`` keeps, so that the sizes of all later layers may differ.

    Attributes:
      width_multiplier: of all features but those of the last convolution, which only grow; see
        :func:`scaled_features`.
      stride_padding: of the blocks with stride 2, ``end`` as published or ``same`` as in Keras, see
        :func:`bnjax.nn.conv.conv2d`. The first convolution always has ``same``.
      halvings: how many of the five strides of 2 stay, 0 to 5; the first ones become 1. Images of 32 x 32
        end with 1 x 1 pixels after five and with 4 x 4 after three.
      conv_bias: whether the convolutions have biases. Behind a norm they do nothing; with norms after the
        activation they are what lets a unit learn its threshold.
    """

    activation: str = "relu6"
    width_multiplier: float = 1.0
    stride_padding: str = "end"
    halvings: int = MOBILENETV2_HALVINGS
    conv_bias: bool = False

    @property
    def sites(self) -> tuple[Site, ...]:
        return MOBILENETV2_SITES

    @property
    def smallest_side(self) -> int:
        return mobilenetv2_smallest_side(self.halvings, self.stride_padding)

    def block(self, name: str, x: Maps, train: bool) -> Float[Array, "batch *outer"]:
        if name == "stem":
            features = scaled_features(_STEM_FEATURES, self.width_multiplier)
            stride = 2 if self.halvings == MOBILENETV2_HALVINGS else 1
            return self.unit("stem/conv1", features, stride=stride, use_bias=self.conv_bias)(x, train=train)
        if name == "head":
            features = scaled_features(_HEAD_FEATURES, max(self.width_multiplier, 1.0))
            return self._pointwise("head/conv1", features)(x, train=train).mean((1, 2))
        [residual] = [block for block in self._residuals() if block.name == name]
        return self._residual(x, residual, train)

    @nn.nowrap
    def _residuals(self) -> list[_Block]:
        blocks: list[_Block] = []
        strides_left_out = MOBILENETV2_HALVINGS - 1 - min(self.halvings, MOBILENETV2_HALVINGS - 1)
        for count, features, first_stride in MOBILENETV2_STAGES:
            if first_stride == 2 and strides_left_out:
                first_stride, strides_left_out = 1, strides_left_out - 1
            # Keras cuts off what is behind the point before it rounds.
            features = scaled_features(int(features * self.width_multiplier), 1.0)
            for number in range(count):
                expansion = _EXPANSION if blocks else 1
                stride = 1 if number else first_stride
                blocks.append(_Block(f"block{len(blocks)}", expansion, features, stride))
        return blocks

    @nn.nowrap
    def _residual(self, x: Maps, block: _Block, train: bool) -> Float[Array, "batch rows columns features"]:
        shortcut, channels = x, x.shape[-1]
        expanded = block.expansion * channels
        if block.expansion > 1:
            x = self._pointwise(f"{block.name}/expand", expanded)(x, train=train)
        padding = self.stride_padding if block.stride == 2 else "same"
        depthwise = self.unit(
            f"{block.name}/depthwise",
            expanded,
            stride=block.stride,
            padding=padding,
            use_bias=self.conv_bias,
        )
        x = depthwise(x, train=train)
        x = self._pointwise(f"{block.name}/project", block.features)(x, train=train)
        if block.stride > 1 or block.features != channels:
            return x
        note_sum(self, x, shortcut, f"{block.name}/project")
        return x + shortcut

    @nn.nowrap
    def _pointwise(self, site: str, features: int) -> nn.Module:
        return self.unit(site, features, kernel_size=1, use_bias=self.conv_bias)
