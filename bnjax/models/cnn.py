"""The CNN of the CIFAR-10 experiment with Batch Normalization and dropout (Qiita, 2018-06-10)."""

import flax.linen as nn
from jax import Array

from bnjax.models.network import Network
from bnjax.nn.pool import max_pool
from bnjax.placement import Site
from bnjax.sites import CNN_SITES


class CNN(Network):
    """conv 5x5x32 - pool - conv 5x5x64 - pool - dense 1024 - dropout - logits.

    Its author's norms stand after the activation, before the pooling. For CIFAR-10 it has
    4,259,274 parameters without norms.
    """

    order: str = "after"

    @property
    def sites(self) -> tuple[Site, ...]:
        return CNN_SITES

    @nn.compact
    def __call__(self, images: Array, *, train: bool = False) -> Array:
        """Images [batch, height, width, channels], height and width at least 4 -> logits."""
        x = self.inputs(images)
        x = max_pool(self.unit("block1/conv1", 32, kernel_size=5)(x, train=train))
        x = max_pool(self.unit("block2/conv1", 64, kernel_size=5)(x, train=train))
        x = x.reshape(x.shape[0], -1)
        x = self.unit("fc/dense1", 1024)(x, train=train)
        return self.logits(x)
