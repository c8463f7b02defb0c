"""Layers: the unit, which alone decides about norm, and what it is made of."""

from bnjax.nn.norms import BatchNorm, batch_norm
from bnjax.nn.pool import average_pool, max_pool
from bnjax.nn.unit import Unit

__all__ = ["BatchNorm", "Unit", "average_pool", "batch_norm", "max_pool"]
