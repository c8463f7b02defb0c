"""The norms: one file each. Their names, letters and what else is known without JAX: :mod:`bnjax.norm`."""

import pkgutil
from typing import Any

from bnjax.nn.norms.batch import BatchNorm
from bnjax.nn.norms.batch_function import batch_norm, ghost_batch_norm
from bnjax.nn.norms.protocol import ExampleNorm, NormLayer, NormShapeError, SingleValueError
from bnjax.nn.norms.running import MODES
from bnjax.norm import NORMS
from bnjax.settings.units import NormSettings

__all__ = [
    "MODES",
    "BatchNorm",
    "ExampleNorm",
    "NormLayer",
    "NormShapeError",
    "SingleValueError",
    "batch_norm",
    "ghost_batch_norm",
    "norm_layer",
]


def norm_layer(settings: NormSettings, **attributes: Any) -> NormLayer:
    """The norm that settings name; its module is imported when it is asked for.

    Args:
      attributes: others of :class:`NormLayer`, and ``name``.
    """
    return pkgutil.resolve_name(NORMS[settings.norm].layer)(settings, **attributes)
