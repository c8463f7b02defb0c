"""Filter Response Normalization (Singh and Krishnan 2020): each channel of an example by its mean square."""

import math

from bnjax.nn.norms.protocol import ExampleNorm
from bnjax.nn.norms.standardised import standardised
from bnjax.nn.shapes import Features, PerFeature


class FilterResponseNorm(ExampleNorm):
    """Divides by the root of the mean square over the positions of each channel of each example.

    Published with an epsilon of 1e-6, before an activation with a learnt threshold (``thresholded``). Dense
    units have a single value there, which is refused.
    """

    def with_affine(self, x: Features, scale: PerFeature, bias: PerFeature) -> Features:
        self.check_values(math.prod(x.shape[1:-1]), "filter-response norms need maps of 2 pixels or more")
        return standardised(x, scale, bias, x.shape[-1], self.settings.norm_epsilon, centred=False)
