"""The CNN of the CIFAR-10 experiment with Batch Normalization and dropout (Qiita, 2018-06-10)."""

from jax import Array
from jaxtyping import Float

from bnjax.architectures import cnn
from bnjax.models.network import Network
from bnjax.nn.pool import max_pool
from bnjax.nn.shapes import Maps
from bnjax.placement import Site


class CNN(Network):
    """conv 5x5x32 - pool - conv 5x5x64 - pool - dense 1024 - dropout - logits.

    Its author's norms stand after the activation, before the pooling. For CIFAR-10 it has
    4,259,274 parameters without norms. Height and width of images are at least 4.

    Attributes:
      input_site: whether ``input/images`` is a site, too.
    """

    order: str = "after"
    input_site: bool = False

    @property
    def sites(self) -> tuple[Site, ...]:
        return cnn.CNN.sites(self)

    @property
    def smallest_side(self) -> int:
        return cnn.CNN.images.smallest_side

    def block(self, name: str, x: Maps, train: bool) -> Float[Array, "batch *outer"]:
        if name == "fc":
            return self.unit("fc/dense1", 1024)(x.reshape(x.shape[0], -1), train=train)
        features = {"block1": 32, "block2": 64}[name]
        return max_pool(self.unit(f"{name}/conv1", features, kernel_size=5)(x, train=train))
