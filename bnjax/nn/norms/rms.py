"""Root Mean Square Normalization (Zhang and Sennrich 2019): a layer norm that subtracts nothing."""

from jax import Array

from bnjax.nn.norms.protocol import ExampleNorm
from bnjax.nn.norms.standardised import standardised


class RMSNorm(ExampleNorm):
    """Divides by the root of the mean square over all positions and features of an example.

    It learns a scale for each feature and no bias.
    """

    def normalised(self, x: Array) -> Array:
        self.check_values(x[0].size, "RMS norms need examples of 2 values or more")
        return standardised(x, tuple(range(1, x.ndim)), self.settings.norm_epsilon, False)

    def with_affine(self, y: Array) -> Array:
        return y * self.scale_of(y)
