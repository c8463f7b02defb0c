"""Batch Renormalization (Ioffe 2017): a batch norm that trains with what evaluation will use."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Float, Int

from bnjax.nn.norms.batch import BatchNorm
from bnjax.nn.norms.batch_function import Normalised, batch_norm, in_groups
from bnjax.nn.norms.running import Statistics
from bnjax.nn.shapes import Features, PerFeature


class BatchRenorm(BatchNorm):
    """Batch Normalization whose output is corrected towards the running statistics, within limits.

    Training makes r * x + d of the normalised x, where r is the deviation of the batch by the running one,
    and d the distance of the batch's mean from the running one in running deviations (algorithm 1 of the
    paper). Neither carries a gradient. Inside their limits that is what evaluation makes of the same x.

    The limits are 1 and 0 at first, as of a plain batch norm, and reach ``renorm_r`` and ``renorm_d`` after
    ``renorm_steps`` steps, linearly. Other than in the paper, both open from the first step on and over the
    same steps, and it is the running variance that follows the batch's, not the deviation. Statistics that
    are pooled for given weights are those of plain batches.
    """

    @property
    def counts_steps(self) -> bool:
        return self.settings.renorm_steps > 0

    def by_batch(
        self,
        x: Features,
        scale: PerFeature,
        bias: PerFeature,
        running: Statistics,
        count: Int[Array, ""] | None,
    ) -> Normalised:
        epsilon, plain = self.settings.norm_epsilon, self.settings.mode == "pooled"
        opened = self._opened(count, running[0].dtype)

        def renormalised(part: Features) -> Normalised:
            y, mean, var = batch_norm(
                part, jnp.ones_like(scale), jnp.zeros_like(bias), epsilon, self.axis_name
            )
            if not plain:
                r, d = self._corrections((mean, var), running, opened)
                y = y * r + d
            return (y * scale + bias).astype(part.dtype), mean, var

        return in_groups(renormalised, x, self.settings.norm_group)

    def _opened(self, count: Int[Array, ""] | None, dtype: DTypeLike) -> float | Float[Array, ""]:
        """How far the limits have opened, 0 to 1."""
        if not self.settings.renorm_steps or count is None:
            return 1.0
        return jnp.minimum(count.astype(dtype) / self.settings.renorm_steps, 1)

    def _corrections(
        self, batch: Statistics, running: Statistics, opened: float | Float[Array, ""]
    ) -> Statistics:
        """The factor r and the shift d, cut off at their limits."""
        most_r = 1 + opened * (self.settings.renorm_r - 1)
        most_d = opened * self.settings.renorm_d
        inverse_deviation = jax.lax.rsqrt(running[1] + self.settings.norm_epsilon)
        r = jnp.sqrt(batch[1] + self.settings.norm_epsilon) * inverse_deviation
        d = (batch[0] - running[0]) * inverse_deviation
        cut_off = jnp.clip(r, 1 / most_r, most_r), jnp.clip(d, -most_d, most_d)
        return jax.lax.stop_gradient(cut_off)
