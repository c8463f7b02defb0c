"""The multilayer perceptron of the dying-ReLU experiment on MNIST (Qiita, 2017-05)."""

from jax import Array
from jaxtyping import Float, Num

from bnjax.architectures import mlp
from bnjax.models.network import Network
from bnjax.placement import Site


class MLP(Network):
    """Dense hidden layers of one width, then logits. Images may have any shape.

    Attributes:
      hidden_layers: how many; the sites are ``fc/dense1`` ... ``fc/denseN``.
      width: units in each. One layer of 256 on 28 x 28 pixels has 203,530 parameters.
      input_site: whether ``input/images`` is a site, too.
    """

    hidden_layers: int = 1
    width: int = 256
    input_site: bool = False

    @property
    def sites(self) -> tuple[Site, ...]:
        return mlp.MLP.sites(self)

    def check_images(self, images: Num[Array, "..."]) -> None:
        if images.ndim < 2 or 0 in images.shape:
            raise ValueError(f"MLP: images of shape {images.shape} are not [batch, ...], none of them 0")

    def block(self, name: str, x: Float[Array, "batch *image"], train: bool) -> Float[Array, "batch width"]:
        x = x.reshape(x.shape[0], -1)
        for site in mlp.mlp_sites(self.hidden_layers):
            x = self.unit(site.name, self.width)(x, train=train)
        return x
