"""InceptionV3 (Szegedy et al. 2016) as Keras has it, which the fine-tuning experiment starts from."""

from collections.abc import Iterator

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from bnjax.architectures import inceptionv3
from bnjax.architectures.inceptionv3 import INCEPTIONV3_SITES
from bnjax.architectures.inceptionv3_layers import (
    INCEPTIONV3_BLOCKS,
    AveragePool,
    Chain,
    ConvolutionLayer,
    Layer,
    MaxPool,
)
from bnjax.models.network import Network
from bnjax.nn.pool import average_pool, max_pool
from bnjax.nn.shapes import Maps
from bnjax.placement import Site


class InceptionV3(Network):
    """94 convolutions in a stem and the blocks ``mixed0`` to ``mixed10``, global average, logits.

    Convolutions have no biases, norms have no scale, and all end in ReLU. With ``placement="all"`` and
    ``order="before"`` it is Keras's network, but for the softmax behind the logits: 21,802,784 numbers
    without the logits, 34,432 of them running statistics, and 2,049 x classes more with them. The second
    output of the paper, for training alone, is left out as in Keras.

    Attributes:
      include_top: whether logits come out, else the features before the global average: [batch, height,
        width, 2048], with 8 x 8 pixels for images of 299 x 299. The parameters of both fit each other:
        those of the logits are all that the second one lacks.
    """

    norm_scale: bool = False
    include_top: bool = True

    @property
    def sites(self) -> tuple[Site, ...]:
        return INCEPTIONV3_SITES

    @property
    def smallest_side(self) -> int:
        return inceptionv3.INCEPTIONV3.images.smallest_side

    def block(self, name: str, x: Maps, train: bool) -> Float[Array, "batch rows columns features"]:
        sites = iter([site for site in self.sites if site.block == name])
        return self._chain(x, INCEPTIONV3_BLOCKS[name], sites, train)

    def top(self, x: Maps) -> Float[Array, "batch *outputs"]:
        return self.logits(x.mean((1, 2))) if self.include_top else x

    @nn.nowrap
    def _chain(
        self, x: Maps, chain: Chain, sites: Iterator[Site], train: bool
    ) -> Float[Array, "batch rows columns features"]:
        for layer in chain:
            x = self._layer(x, layer, sites, train)
        return x

    @nn.nowrap
    def _layer(
        self, x: Maps, layer: Layer, sites: Iterator[Site], train: bool
    ) -> Float[Array, "batch rows columns features"]:
        """Takes a site for each convolution: they are in the order of the table."""
        if isinstance(layer, ConvolutionLayer):
            unit = self.unit(
                next(sites).name,
                layer.features,
                kernel_size=layer.kernel,
                stride=layer.stride,
                padding=layer.padding,
                use_bias=False,
            )
            return unit(x, train=train)
        if isinstance(layer, MaxPool):
            return max_pool(x, window=3, stride=2)
        if isinstance(layer, AveragePool):
            return average_pool(x, window=3)
        return jnp.concatenate([self._chain(x, branch, sites, train) for branch in layer.chains], axis=-1)
