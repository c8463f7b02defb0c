"""The sites that each model offers, in the order in which data meets them, and its images (no JAX here).

A misspelt placement can be answered, a grid of placements written down and data read without a network; the
models in :mod:`bnjax.models` name their units after these lists.
"""

from collections.abc import Iterator
from typing import NamedTuple

from bnjax.architectures.inceptionv3_layers import inceptionv3_site_names
from bnjax.placement import Site


class Images(NamedTuple):
    """The images of a model.

    Attributes:
      shape: of its published experiment: height, width, channels. Others are taken too.
      smallest_side: fewest pixels on a side that reach the logits.
    """

    shape: tuple[int, int, int]
    smallest_side: int


MODEL_IMAGES = {
    "cnn": Images((32, 32, 3), 4),
    "mlp": Images((28, 28, 1), 1),
    "vgg7": Images((32, 32, 3), 4),
    "mobilenetv2": Images((224, 224, 3), 31),
    "inceptionv3": Images((299, 299, 3), 75),
}
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
#: MobileNetV2's blocks in a row, their features, and the stride of the first (Sandler et al. 2018, table 2).
MOBILENETV2_STAGES = (
    (1, 16, 1),
    (2, 24, 2),
    (3, 32, 2),
    (4, 64, 2),
    (3, 96, 1),
    (3, 160, 2),
    (1, 320, 1),
)
#: Blocks between the first and the last convolution; the first one does not expand.
MOBILENETV2_BLOCKS = sum(blocks for blocks, _, _ in MOBILENETV2_STAGES)
#: Its strides of 2: the first convolution's and those of four blocks.
MOBILENETV2_HALVINGS = 5


def _mobilenetv2_sites() -> Iterator[Site]:
    yield Site("stem/conv1", "conv")
    for block in range(MOBILENETV2_BLOCKS):
        if block:
            yield Site(f"block{block}/expand", "conv")
        yield Site(f"block{block}/depthwise", "depthwise")
        yield Site(f"block{block}/project", "conv", linear=True)
    yield Site("head/conv1", "conv")


#: 52 sites, 17 of them linear: an order moves 35 norms. Blocks are numbered as in Keras.
MOBILENETV2_SITES = tuple(_mobilenetv2_sites())
#: 94 sites, in the order in which Keras makes its layers ``conv2d``, ``conv2d_1``, ...
INCEPTIONV3_SITES = tuple(Site(name, "conv") for name in inceptionv3_site_names())


def mobilenetv2_positions() -> tuple[dict[str, tuple[int, int]], int]:
    """Site -> positions of its convolution and its norm among Keras's layers; and how many there are.

    Without the top; the images are layer 0. A padding stands before the depthwise convolution of a stride of
    2, an activation behind each norm that has one, a sum behind all but the first block in a row.
    """
    first = [(stride, number == 0) for blocks, _, stride in MOBILENETV2_STAGES for number in range(blocks)]
    padded = {f"block{block}/depthwise" for block, strided in enumerate(first) if strided == (2, True)}
    summed = {f"block{block}/project" for block, (_, is_first) in enumerate(first) if not is_first}
    positions, place = {}, 1
    for site in MOBILENETV2_SITES:
        place += site.name in padded
        positions[site.name] = (place, place + 1)
        place += 2 + (not site.linear) + (site.name in summed)
    return positions, place


def mobilenetv2_smallest_side(halvings: int, stride_padding: str) -> int:
    """Fewest pixels on a side that reach the logits, see :class:`bnjax.models.MobileNetV2`."""
    in_blocks = min(halvings, MOBILENETV2_HALVINGS - 1)
    if stride_padding == "same" or not in_blocks:
        return 1
    side = 2**in_blocks
    return 2 * side - 1 if halvings == MOBILENETV2_HALVINGS else side


def mlp_sites(hidden_layers: int) -> tuple[Site, ...]:
    """``fc/dense1`` ... ``fc/denseN``, one for each hidden layer."""
    return tuple(Site(f"fc/dense{number}", "dense") for number in range(1, hidden_layers + 1))


def model_sites(model: str, hidden_layers: int = 1) -> tuple[Site, ...]:
    """The sites of a model by its name in flags; ``hidden_layers`` counts for the MLP alone.

    Raises:
      KeyError: no model has that name.
    """
    fixed = {
        "cnn": CNN_SITES,
        "vgg7": VGG7_SITES,
        "mobilenetv2": MOBILENETV2_SITES,
        "inceptionv3": INCEPTIONV3_SITES,
    }
    return mlp_sites(hidden_layers) if model == "mlp" else fixed[model]
