"""Instance Normalization (Ulyanov et al. 2016): each channel of an example by its own statistics."""

import math

from bnjax.nn.norms.protocol import ExampleNorm
from bnjax.nn.norms.standardised import standardised
from bnjax.nn.shapes import Features, PerFeature


class InstanceNorm(ExampleNorm):
    """Subtracts the mean and divides by the deviation over the positions of each channel of each example.

    Dense units have a single value there, which is refused.
    """

    def with_affine(self, x: Features, scale: PerFeature, bias: PerFeature) -> Features:
        self.check_values(math.prod(x.shape[1:-1]), "instance norms need maps of 2 pixels or more")
        return standardised(x, scale, bias, x.shape[-1], self.settings.norm_epsilon)
