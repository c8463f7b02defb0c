"""Group Normalization (Wu and He 2018): each example by the statistics of groups of its channels."""

import math

from bnjax.nn.norms.protocol import ExampleNorm, NormShapeError
from bnjax.nn.norms.standardised import standardised
from bnjax.nn.shapes import Features, PerFeature


class GroupNorm(ExampleNorm):
    """Subtracts the mean and divides by the deviation over all positions of each group of channels.

    There are ``norm_groups`` groups of neighbouring channels; where a norm may be switched off by gates and
    its channels do not divide into that many, there are fewer.
    """

    def with_affine(self, x: Features, scale: PerFeature, bias: PerFeature) -> Features:
        groups = self._groups(x.shape[-1])
        self.check_values(x[0].size // groups, "group norms need groups of 2 values or more")
        return standardised(x, scale, bias, groups, self.settings.norm_epsilon)

    def _groups(self, channels: int) -> int:
        groups = self.settings.norm_groups
        fitting = math.gcd(groups, channels)
        if fitting < groups and not self.gated:
            raise NormShapeError(
                f"{self.place}: {channels} channels cannot be cut into norm_groups={groups}; "
                f"norm_groups={fitting} would fit"
            )
        return fitting
