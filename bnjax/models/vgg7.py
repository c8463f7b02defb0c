"""VGG7, the network of the placement experiment with codes like ``cBrcr-crcr-drdBr`` (Qiita, 2018-10-02)."""

import flax.linen as nn
from jax import Array

from bnjax.models.network import Network
from bnjax.nn.pool import max_pool
from bnjax.placement import Site
from bnjax.sites import VGG7_SITES


class VGG7(Network):
    """Two blocks of two 3x3 convolutions (64, then 128) and a pooling, global average, dense 1024 and 512.

    Its author's norms stand before the activation and its kernels start he normal. For 32 x 32 x 3
    inputs, or any other size, it has 922,186 parameters without norms (10 classes).
    """

    kernel_init: str = "he_normal"

    @property
    def sites(self) -> tuple[Site, ...]:
        return VGG7_SITES

    @nn.compact
    def __call__(self, images: Array, *, train: bool = False) -> Array:
        """Images [batch, height, width, channels], height and width at least 4 -> logits."""
        x = self.inputs(images)
        for block, features in (("block1", 64), ("block2", 128)):
            for layer in ("conv1", "conv2"):
                x = self.unit(f"{block}/{layer}", features)(x, train=train)
            x = max_pool(x)
        x = x.mean((1, 2))
        x = self.unit("fc/dense1", 1024)(x, train=train)
        x = self.unit("fc/dense2", 512)(x, train=train)
        return self.logits(x)
