"""Layer Normalization (Ba et al. 2016): each example by the statistics of its whole layer."""

from bnjax.nn.norms.protocol import ExampleNorm
from bnjax.nn.norms.standardised import standardised
from bnjax.nn.shapes import Features, PerFeature


class LayerNorm(ExampleNorm):
    """Subtracts the mean and divides by the deviation over all positions and features of an example.

    Scale and bias are one for each feature, so they fit images of any size. Flax's ``nn.LayerNorm`` is the
    same with ``reduction_axes`` of all axes but the first; by default it takes each position by itself.
    """

    def with_affine(self, x: Features, scale: PerFeature, bias: PerFeature) -> Features:
        self.check_values(x[0].size, "layer norms need examples of 2 values or more")
        return standardised(x, scale, bias, 1, self.settings.norm_epsilon)
