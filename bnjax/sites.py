"""The sites that each model offers, in the order in which data meets them, and its images (no JAX here).

A misspelt placement can be answered, a grid of placements written down and data read without a network; the
models in :mod:`bnjax.models` name their units after these lists.
"""

from typing import NamedTuple

from bnjax.placement import Site


class Images(NamedTuple):
    """The images of a model.

    Attributes:
      shape: of its published experiment: height, width, channels. Others are taken too.
      smallest_side: fewest pixels on a side that reach the logits.
    """

    shape: tuple[int, int, int]
    smallest_side: int


MODEL_IMAGES = {"cnn": Images((32, 32, 3), 4), "mlp": Images((28, 28, 1), 1), "vgg7": Images((32, 32, 3), 4)}
MODELS = tuple(MODEL_IMAGES)

CNN_SITES = (
    Site("block1/conv1", "conv"),
    Site("block2/conv1", "conv"),
    Site("fc/dense1", "dense"),
)
VGG7_SITES = (
    Site("block1/conv1", "conv"),
    Site("block1/conv2", "conv"),
    Site("block2/conv1", "conv"),
    Site("block2/conv2", "conv"),
    Site("fc/dense1", "dense"),
    Site("fc/dense2", "dense"),
)


def mlp_sites(hidden_layers: int) -> tuple[Site, ...]:
    """``fc/dense1`` ... ``fc/denseN``, one for each hidden layer."""
    return tuple(Site(f"fc/dense{number}", "dense") for number in range(1, hidden_layers + 1))


def model_sites(model: str, hidden_layers: int = 1) -> tuple[Site, ...]:
    """The sites of a model by its name in flags; ``hidden_layers`` counts for the MLP alone.

    Raises:
      KeyError: no model has that name.
    """
    return {"cnn": CNN_SITES, "vgg7": VGG7_SITES, "mlp": mlp_sites(hidden_layers)}[model]
