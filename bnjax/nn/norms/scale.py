"""A learnt scale and bias alone: what a norm adds besides its statistics, as a control."""

from jax import Array

from bnjax.nn.norms.protocol import ExampleNorm


class ScaleNorm(ExampleNorm):
    """Multiplies each feature by its scale and adds its bias; nothing is normalised."""

    def normalised(self, x: Array) -> Array:
        return x
