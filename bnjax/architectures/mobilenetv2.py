"""MobileNetV2 (Sandler et al. 2018)."""

from collections.abc import Iterator

from bnjax.architectures.architecture import Architecture, ImageShape
from bnjax.placement import Site

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


MOBILENETV2 = Architecture(
    name="mobilenetv2",
    network="bnjax.models.mobilenetv2:MobileNetV2",
    images=ImageShape((224, 224, 3), 31),
    sites=lambda _: MOBILENETV2_SITES,
    own_settings=("width_multiplier", "stride_padding", "halvings", "conv_bias"),
    smallest_side=lambda settings: mobilenetv2_smallest_side(settings.halvings, settings.stride_padding),
    keras_positions=mobilenetv2_positions,
    size_flag="--width_multiplier",
)
