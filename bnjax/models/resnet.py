"""Residual networks for small images (He et al. 2016, section 4.2), with five orders of their blocks."""

from typing import Any

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from bnjax.architectures.resnet import RESNET, RESNET_FEATURES, resnet_blocks
from bnjax.models.network import Network
from bnjax.nn.activations import activate
from bnjax.nn.checks import check_choice
from bnjax.nn.shapes import Maps
from bnjax.nn.sums import note_sum
from bnjax.nn.unit import SummedUnit, Unit
from bnjax.placement import Site

#: What goes from block to block: the images for its shortcut, and those for its convolutions.
_Map = Maps
_Entering = tuple[_Map, _Map]


class ResNet(Network):
    """Convolution 16, three stages of blocks with 16, 32 and 64 features, global average, logits.

    A block is two 3 x 3 convolutions whose outputs are added to its inputs, and an activation behind the sum.
    As published, every convolution has a norm, before its activation or before the sum: ``placement="all"``,
    ``order="before"``. So it has 269,722 parameters at depth 20 and 1,727,962 at 110, with images of three
    channels and ten classes (0.27 and 1.7 million in the paper, table 6). Where a stage begins, the stride is
    2, and zeros lie below and at the right where sides are even.

    With ``preactivation`` norm and activation of the second convolution take the sum, and only the next
    block's convolutions (or the average behind the last one) see what they make of it: its shortcut is the
    bare sum. That is the block of He et al. 2016, "Identity Mappings", in the form of its figure 5: the same
    norms, named by the convolution in front of them. The first block, and those that project, have one
    activation for both ways, as there; the authors' projections have no norm
    (``placement="all,*/shortcut:absent"``).

    Attributes:
      depth: layers with a kernel on the longest way, 6n + 2.
      shortcut: ``pad`` takes every second pixel and adds zeros for the new features, half of them on either
        side (the paper's option A, without parameters); ``project`` is a 1 x 1 convolution (option B).
      residual_block: the order of norms, activations and the sum, see
        :data:`bnjax.architectures.resnet.RESIDUAL_BLOCKS`.
      conv_bias: whether the convolutions have biases.
    """

    kernel_init: str = "he_normal"
    depth: int = 20
    shortcut: str = "pad"
    residual_block: str = "original"
    conv_bias: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self._place, "activation", self.activation, RESNET.activations or ())

    @property
    def sites(self) -> tuple[Site, ...]:
        return RESNET.sites(self)

    def block(self, name: str, x: Any, train: bool) -> Any:
        """See :class:`Network`; from one ``preactivation`` block to the next go two arrays."""
        if name == "stem":
            return self.unit("stem/conv1", RESNET_FEATURES[0], use_bias=self.conv_bias)(x, train=train)
        [(features, stride)] = [
            (features, stride) for known, features, stride in resnet_blocks(self.depth) if known == name
        ]
        passed_on, entering = self._entering(name, x)
        first = self.unit(f"{name}/conv1", features, stride=stride, use_bias=self.conv_bias)
        residual = first(entering, train=train)
        shortcut = passed_on if stride == 1 else self._shortcut(name, passed_on, entering, features, train)
        return self._summed(name, residual, shortcut, train)

    def _entering(self, name: str, x: _Map | _Entering) -> _Entering:
        if isinstance(x, tuple):
            return x
        if name == "block1" or self.residual_block not in ("activation-first", "preactivation"):
            return x, x
        if self.residual_block == "activation-first":
            return x, self._activated(x)
        bare, active = jnp.split(x, 2, -1)  # what a network that ended with the block before has put together
        return bare, active

    def _summed(self, name: str, residual: _Map, shortcut: _Map, train: bool) -> _Map | _Entering:
        """The second convolution of a block, its shortcut, and what stands around their sum."""
        summed = self.residual_block in ("norm-after-sum", "preactivation")
        module, features = (SummedUnit if summed else Unit), shortcut.shape[-1]
        second = self.unit(f"{name}/conv2", features, use_bias=self.conv_bias, module=module)
        if not summed:
            branch = second(residual, train=train)
            note_sum(self, branch, shortcut, f"{name}/conv2")
            x = shortcut + branch
            return self._activated(x) if self.residual_block == "original" else x
        bare, active = second(residual, train=train, shortcut=shortcut)
        note_sum(self, bare - shortcut, shortcut, f"{name}/conv2")
        if self.residual_block == "norm-after-sum":
            return active
        return jnp.concatenate([bare, active], -1) if name == self.ends_with else (bare, active)

    def _activated(self, x: _Map) -> _Map:
        return activate(x, self.activation, self.negative_slope)

    def _shortcut(
        self, name: str, passed_on: _Map, entering: _Map, features: int, train: bool
    ) -> Float[Array, "batch rows columns features"]:
        """Where features and sides change."""
        if self.shortcut == "project":
            unit = self.unit(f"{name}/shortcut", features, kernel_size=1, stride=2, use_bias=self.conv_bias)
            return unit(entering, train=train)
        new = features - passed_on.shape[-1]
        return jnp.pad(passed_on[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (new // 2, new - new // 2)))

    def top(self, x: _Map | _Entering) -> Float[Array, "batch classes"]:
        _, entering = self._entering("top", x)
        return self.logits(entering.mean((1, 2)))
