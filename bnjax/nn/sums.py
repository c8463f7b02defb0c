"""What probes see of residual sums."""

import flax.linen as nn
from jax import Array

#: The collection that holds the two parts of each sum, where it is asked for.
SUMS = "sums"


def note_sum(module: nn.Module, branch: Array, shortcut: Array, site: str = "sum") -> None:
    """Notes what a residual branch adds, and to what; nothing unless :data:`SUMS` is asked for.

    Args:
      module: in which the sum is: that of a site, or the network.
      branch, shortcut: of one shape.
      site: where the branch ends, of a network.
    """
    if not module.is_initializing():
        module.sow(SUMS, site, (branch, shortcut), reduce_fn=lambda _, new: new)
