"""The multilayer perceptron of the dying-ReLU study (Qiita, 2017-05)."""

from bnjax.architectures.architecture import Architecture, ImageShape, behind_input
from bnjax.placement import Site


def mlp_sites(hidden_layers: int) -> tuple[Site, ...]:
    """``fc/dense1`` ... ``fc/denseN``, one for each hidden layer."""
    return tuple(Site(f"fc/dense{number}", "dense") for number in range(1, hidden_layers + 1))


MLP = Architecture(
    name="mlp",
    network="bnjax.models.mlp:MLP",
    images=ImageShape((28, 28, 1), 1),
    sites=lambda settings: behind_input(settings, mlp_sites(settings.hidden_layers)),
    own_settings=("hidden_layers", "width", "input_site"),
    follows_image_size=False,
    size_flag="--width",
)
