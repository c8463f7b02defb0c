"""A small transformer for images (Dosovitskiy et al. 2021), pre-LN or post-LN by its placement."""

from collections.abc import Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Num

from bnjax.architectures.vit import VIT, vit_complaint
from bnjax.models.arguments import at_site
from bnjax.models.network import Network, unit_name
from bnjax.nn.residual import Attention, TokenMLP, TokenModule, TokenNorm
from bnjax.nn.shapes import Maps, Tokens
from bnjax.placement import Site

#: Hidden units of an MLP for each number of a token.
_WIDENING = 4
#: The key in params of what makes tokens of patches.
PATCHES = "patches"


def positions(rows: int, columns: int, width: int) -> Float[np.ndarray, "{rows}*{columns} {width}"]:
    """Sines and cosines of 1 to 1/10,000 times each token's column and row.

    As in Beyer et al. 2022 ("Better plain ViT baselines"): nothing is learnt, so images may have any size.

    Args:
      width: a multiple of 4.
    """
    frequencies = 10_000.0 ** -np.linspace(0, 1, width // 4)
    row, column = np.indices((rows, columns)).reshape(2, -1, 1) * frequencies
    return np.concatenate([np.sin(column), np.cos(column), np.sin(row), np.cos(row)], 1)


class ViT(Network):
    """Patches, blocks of attention and MLP with a residual branch each, mean over tokens, logits.

    A norm ``before`` stands in front of a branch (pre-LN), one ``after`` behind its sum (post-LN); it takes
    every token by itself, unless it is one of a batch. ``head/tokens`` is the last norm of pre-LN networks.
    Logits come from the mean of all tokens, not from a class token: that is as accurate (Beyer et al. 2022),
    and every token is a position of the image. By default it has 303,818 parameters with norms everywhere,
    images of three channels and ten classes.

    Attributes:
      norm: ``layer`` unless another one is asked for.
      vit_depth: blocks.
      vit_width: numbers in a token; a multiple of 4 and of the heads.
      vit_heads: of each attention.
      vit_patch: side of a patch; divides the sides of images.
    """

    norm: str = "layer"
    in_front: ClassVar[tuple[str, ...]] = (PATCHES,)
    vit_depth: int = 6
    vit_width: int = 64
    vit_heads: int = 4
    vit_patch: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if complaint := vit_complaint(self):
            raise ValueError(f"{self._place}: {complaint.replace('--', '')}")

    @property
    def sites(self) -> tuple[Site, ...]:
        return VIT.sites(self)

    @property
    def smallest_side(self) -> int:
        return self.vit_patch

    def check_images(self, images: Num[Array, "..."]) -> None:
        super().check_images(images)
        if images.shape[1] % self.vit_patch or images.shape[2] % self.vit_patch:
            raise ValueError(
                f"{self._place}: patches of {self.vit_patch} pixels do not divide images of {images.shape}"
            )

    def trains(self, path: Sequence[str]) -> bool:
        """See :class:`Network`; what makes tokens belongs to the first block."""
        first = unit_name(self.sites[0].name)
        return super().trains((first, *path[1:]) if path[0] in self.in_front else path)

    def block(self, name: str, x: Float[Array, "batch *inner"], train: bool) -> Tokens:
        if name == "head":
            return self._module(TokenNorm, "head/tokens")(x, train=train)
        if name == "block1":
            x = self._tokens(x)
        x = self._module(Attention, f"{name}/attention", heads=self.vit_heads)(x, train=train)
        return self._module(TokenMLP, f"{name}/mlp", hidden=_WIDENING * self.vit_width)(x, train=train)

    def _tokens(self, images: Maps) -> Tokens:
        """One of each patch, row after row."""
        batch, height, width, channels = images.shape
        side, rows, columns = self.vit_patch, height // self.vit_patch, width // self.vit_patch
        cut = images.reshape(batch, rows, side, columns, side, channels).swapaxes(2, 3)
        tokens = self._dense(self.vit_width, PATCHES)(cut.reshape(batch, rows * columns, -1))
        return tokens + jnp.asarray(positions(rows, columns, self.vit_width), tokens.dtype)

    def _module(self, kind: type[TokenModule], site: str, **own: Any) -> TokenModule:
        known = next(known for known in self.sites if known.name == site)
        return kind(**at_site(self, known), **own)

    def top(self, x: Tokens) -> Float[Array, "batch classes"]:
        return self.logits(x.mean(1))
