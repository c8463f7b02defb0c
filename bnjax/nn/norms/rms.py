"""Root Mean Square Normalization (Zhang and Sennrich 2019): a layer norm that subtracts nothing."""

import jax.numpy as jnp

from bnjax.nn.norms.protocol import ExampleNorm
from bnjax.nn.norms.standardised import standardised
from bnjax.nn.shapes import Features, PerFeature


class RMSNorm(ExampleNorm):
    """Divides by the root of the mean square over all positions and features of an example.

    It learns a scale for each feature and no bias.
    """

    def with_affine(self, x: Features, scale: PerFeature, bias: PerFeature) -> Features:
        self.check_values(x[0].size, "RMS norms need examples of 2 values or more")
        return standardised(x, scale, bias, 1, self.settings.norm_epsilon, centred=False)

    def bias_of(self, x: Features) -> PerFeature:
        return jnp.zeros(x.shape[-1:], self.param_dtype)
