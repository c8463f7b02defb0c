"""A learnt scale and bias alone: what a norm adds besides its statistics, as a control."""

from bnjax.nn.norms.protocol import ExampleNorm
from bnjax.nn.shapes import Features


class ScaleNorm(ExampleNorm):
    """Multiplies each feature by its scale and adds its bias; nothing is normalised."""

    def normalised(self, x: Features) -> Features:
        return x
