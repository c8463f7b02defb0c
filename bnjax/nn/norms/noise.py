"""Noise behind norms, which undoes on purpose what they do to the distribution of a layer's inputs.

Santurkar et al. 2018 (section 2.1, algorithm 1 of the appendix): in every training step each feature gets a
shift and a factor of its own, and each image another one around these. Training goes on as fast, although
inputs now move more than without norms.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from bnjax.nn.shapes import Features
from bnjax.settings.units import NormSettings

#: The stream of random numbers that it draws from, beside ``dropout``.
STREAM = "noise"
#: The paper's: the most that a feature is moved by and grows by, and how far an image is from these.
SHIFT, FACTOR, SPREAD = 0.5, 0.25, 0.1


def streams(key: Array) -> dict[str, Array]:
    """The streams of a training step from its key: what dropout draws is the same with noise and without."""
    return {"dropout": key, STREAM: jax.random.fold_in(key, 1)}


def with_noise(x: Features, settings: NormSettings, train: bool) -> Features:
    """What a norm gives, with noise where its settings ask for some; called within a module."""
    return NormNoise(settings.norm_noise, name=STREAM)(x, train) if settings.norm_noise else x


class NormNoise(nn.Module):
    """x -> factor * x + shift, drawn anew in every training step; nothing in evaluation.

    A feature's mean shift is uniform in +-0.5 and its mean factor in 1 to 1.25, alike for all images; an
    image's own shift is uniform in +-0.1 around the one, its factor normal with deviation 0.1 around the
    other. Positions of an image share both.

    Attributes:
      amount: what multiplies these four numbers; 1: the paper's.
    """

    amount: float

    @nn.compact
    def __call__(self, x: Features, train: bool) -> Features:
        """X [batch, ..., features] -> the same shape."""
        if not train:
            return x
        keys = jax.random.split(self.make_rng(STREAM), 4)
        features = (1,) * (x.ndim - 1) + x.shape[-1:]
        images = (x.shape[0], *features[1:])
        wide = jnp.promote_types(x.dtype, jnp.float32)
        shift, spread = self.amount * SHIFT, self.amount * SPREAD
        shifts = jax.random.uniform(keys[0], features, wide, -shift, shift)
        shifts += jax.random.uniform(keys[1], images, wide, -spread, spread)
        factors = jax.random.uniform(keys[2], features, wide, 1.0, 1.0 + self.amount * FACTOR)
        factors += spread * jax.random.normal(keys[3], images, wide)
        return (factors * x + shifts).astype(x.dtype)
