"""Residual branches over tokens, and where their norms stand: pre-LN and post-LN (Xiong et al. 2020)."""

import dataclasses
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from bnjax.nn.activations import above_kink, activate
from bnjax.nn.dropout import Dropout
from bnjax.nn.initializers import kernel_initializer
from bnjax.nn.norms import norm_layer
from bnjax.nn.norms.noise import with_noise
from bnjax.nn.shapes import Features, Tokens
from bnjax.nn.sums import note_sum
from bnjax.nn.unit import gates_of, note_active, slope_of
from bnjax.nn.weight_standardisation import standardised_kernel
from bnjax.placement import Order
from bnjax.settings.units import UnitSettings

Branch = Callable[[Array], Array]


class TokenModule(nn.Module):
    """What has a norm that takes every token by itself: a batch of images is one of all their tokens.

    Attributes:
      order, gated, settings, param_dtype: see :class:`bnjax.nn.Unit`.
    """

    order: Order = "absent"
    gated: bool = False
    settings: UnitSettings = UnitSettings()
    param_dtype: DTypeLike = jnp.float32

    @nn.nowrap
    def normalised(self, x: Tokens, train: bool) -> Tokens:
        """X through the norm, of which there is one."""
        tokens, norms = x.shape[1], self.settings.norms
        of_tokens = dataclasses.replace(norms, norm_group=norms.norm_group * tokens)
        norm = norm_layer(of_tokens, param_dtype=self.param_dtype, gated=self.gated, name="norm")
        normalised = norm(x.reshape(-1, x.shape[-1]), train=train)
        return with_noise(normalised.reshape(x.shape), norms, train)


class TokenNorm(TokenModule):
    """The norm of tokens alone."""

    @nn.compact
    def __call__(self, x: Features, train: bool) -> Features:
        """X through the norm, where it has one."""
        if self.gated:
            on, _ = gates_of(self)
            return jnp.where(on, self.normalised(x, train), x)
        return x if self.order == "absent" else self.normalised(x, train)


class ImageNorm(TokenNorm):
    """The same of images [batch, height, width, channels], or of any numbers [batch, ..., features]."""

    @nn.nowrap
    def normalised(self, x: Features, train: bool) -> Features:
        norms = self.settings.norms
        norm = norm_layer(norms, param_dtype=self.param_dtype, gated=self.gated, name="norm")
        return with_noise(norm(x, train=train), norms, train)


class Residual(TokenModule):
    """Tokens plus what a branch makes of them; a subclass says what :meth:`branch` is.

    ``before`` is pre-LN, x + branch(norm(x)), ``after`` post-LN, norm(x + branch(x)). Dropout zeroes parts of
    what the branch adds (Vaswani et al. 2017, section 5.4).
    """

    @nn.compact
    def __call__(self, x: Tokens, train: bool) -> Tokens:
        """X plus the branch, with the norm in its place."""
        branch = self.branch(x.shape[-1], x.dtype)
        # Drawn once, since a gated branch is computed twice.
        kept = Dropout(self.settings.dropout, name="dropout")(jnp.ones_like(x), train=train)

        def added(to: Tokens) -> Tokens:
            return kept * branch(to)

        if self.gated:
            return self._gated(x, added, train)
        adds = added(self.normalised(x, train) if self.order == "before" else x)
        note_sum(self, adds, x)
        return self.normalised(x + adds, train) if self.order == "after" else x + adds

    @nn.nowrap
    def _gated(self, x: Tokens, added: Branch, train: bool) -> Tokens:
        on, after = gates_of(self)
        # One norm serves both orders. After the branch it needs what the branch adds to bare tokens.
        normalised = self.normalised(jnp.where(after, x + added(x), x), train)
        adds = added(jnp.where(on & ~after, normalised, x))
        note_sum(self, adds, x)
        return jnp.where(on & after, normalised, x + adds)

    @nn.nowrap
    def branch(self, width: int, dtype: DTypeLike) -> Branch:
        """Makes the branch's parameters; what it returns may be called several times."""
        raise NotImplementedError

    @nn.nowrap
    def affine(self, name: str, inputs: int, outputs: int, dtype: DTypeLike) -> Branch:
        """A product and a bias, with parameters ``{name}kernel`` and ``{name}bias``."""
        draw = kernel_initializer(self.settings.kernel_init, self.settings.init_deviation)
        kernel = self.param(f"{name}kernel", draw, (inputs, outputs), self.param_dtype)
        if self.settings.weight_standardisation:
            kernel = standardised_kernel(kernel, f"{type(self).__name__} {self.name!r}")
        kernel = kernel.astype(dtype)
        bias = self.param(f"{name}bias", nn.initializers.zeros, (outputs,), self.param_dtype).astype(dtype)
        return lambda x: x @ kernel + bias


class Attention(Residual):
    """Self-attention (Vaswani et al. 2017); its kernel makes queries, keys and values, in this order.

    Attributes:
      heads: of width / heads numbers each.
    """

    heads: int = 1

    @nn.nowrap
    def branch(self, width: int, dtype: DTypeLike) -> Branch:
        inner, outer = self.affine("", width, 3 * width, dtype), self.affine("out_", width, width, dtype)

        def attend(x: Tokens) -> Tokens:
            parts = inner(x).reshape(*x.shape[:2], 3, self.heads, width // self.heads)
            queries, keys, values = (parts[:, :, part] for part in range(3))
            scores = jnp.einsum("bqhd,bkhd->bhqk", queries, keys) * (width // self.heads) ** -0.5
            wide = scores.astype(jnp.promote_types(dtype, jnp.float32))
            weights = jax.nn.softmax(wide).astype(dtype)
            return outer(jnp.einsum("bhqk,bkhd->bqhd", weights, values).reshape(x.shape))

        return attend


class TokenMLP(Residual):
    """A hidden layer with the network's activation, and a layer back to the width.

    Attributes:
      hidden: units of the hidden layer, those that can be silent.
    """

    hidden: int = 1

    @nn.nowrap
    def branch(self, width: int, dtype: DTypeLike) -> Branch:
        inner, outer = (
            self.affine("", width, self.hidden, dtype),
            self.affine("out_", self.hidden, width, dtype),
        )
        slope = slope_of(self, self.hidden, dtype)

        def transformed(x: Tokens) -> Tokens:
            hidden = inner(x)
            note_active(self, hidden, above_kink(hidden, self.settings.activation, slope))
            return outer(activate(hidden, self.settings.activation, slope))

        return transformed
