"""VGG7, the network of the placement experiment with codes like ``cBrcr-crcr-drdBr`` (Qiita, 2018-10-02)."""

from jax import Array
from jaxtyping import Float

from bnjax.architectures import vgg7
from bnjax.models.network import Network
from bnjax.nn.pool import max_pool
from bnjax.nn.shapes import Maps
from bnjax.placement import Site


class VGG7(Network):
    """Two blocks of two 3x3 convolutions (64, then 128) and a pooling, global average, dense 1024 and 512.

    Its author's norms stand before the activation and its kernels start he normal. For 32 x 32 x 3
    inputs, or any other size from 4 x 4, it has 922,186 parameters without norms (10 classes).

    Attributes:
      input_site: whether ``input/images`` is a site, too.
    """

    kernel_init: str = "he_normal"
    input_site: bool = False

    @property
    def sites(self) -> tuple[Site, ...]:
        return vgg7.VGG7.sites(self)

    @property
    def smallest_side(self) -> int:
        return vgg7.VGG7.images.smallest_side

    def block(self, name: str, x: Maps, train: bool) -> Float[Array, "batch *outer"]:
        if name == "fc":
            x = self.unit("fc/dense1", 1024)(x.mean((1, 2)), train=train)
            return self.unit("fc/dense2", 512)(x, train=train)
        features = {"block1": 64, "block2": 128}[name]
        for layer in ("conv1", "conv2"):
            x = self.unit(f"{name}/{layer}", features)(x, train=train)
        return max_pool(x)
