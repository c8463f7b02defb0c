"""A small transformer for images (Dosovitskiy et al. 2021), with the plain choices of Beyer et al. 2022."""

from collections.abc import Iterator
from typing import Any

from bnjax.architectures.architecture import Architecture, ImageShape
from bnjax.placement import Site

#: Rows and columns have sines and cosines each in a token's position.
_PARTS_OF_A_POSITION = 4


def _vit_sites(depth: int) -> Iterator[Site]:
    for number in range(1, depth + 1):
        yield Site(f"block{number}/attention", "attention")
        yield Site(f"block{number}/mlp", "mlp")
    yield Site("head/tokens", "tokens", linear=True)


def vit_sites(depth: int) -> tuple[Site, ...]:
    """``attention`` and ``mlp`` of each block, and ``head/tokens``, the norm of what reaches the logits.

    Pre-LN networks have that last norm (Xiong et al. 2020). Behind a post-LN block it does
    nothing at first, since it normalises again what was normalised just before.
    """
    return tuple(_vit_sites(depth))


def vit_complaint(settings: Any) -> str:
    """What of the width does not fit; empty if all does."""
    width, heads = settings.vit_width, settings.vit_heads
    if width % heads:
        return f"--vit_heads={heads} does not divide --vit_width={width} into even parts"
    if width % _PARTS_OF_A_POSITION:
        return f"--vit_width={width} is not a multiple of {_PARTS_OF_A_POSITION}, which positions need"
    return ""


VIT = Architecture(
    name="vit",
    network="bnjax.models.vit:ViT",
    images=ImageShape((32, 32, 3), 4, 4),
    sites=lambda settings: vit_sites(settings.vit_depth),
    own_settings=("vit_depth", "vit_width", "vit_heads", "vit_patch"),
    smallest_side=lambda settings: settings.vit_patch,
    side_multiple=lambda settings: settings.vit_patch,
    norm="layer",
    input_scale="standardize",  # beside pixels up to 255, positions of size 1 would not be seen
    complaint=vit_complaint,
    size_flag="--vit_width",
)
