"""The norms as values without JAX: a line each. What they compute stands in :mod:`bnjax.nn.norms`.

A new norm is a file there and its line in the tuple below.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Norm:
    """A norm as flags, codes, checks and the report know it.

    Attributes:
      name: in flags and records.
      letter: in codes, where it stands beside the activation's ``r``; a capital.
      layer: its Flax module, as ``module:class``.
      of_batch: whether it normalises by statistics of the batch in training and by running ones, which it
        keeps in ``batch_stats``, in evaluation. All others treat each image by itself, always alike.
      own_settings: the settings that it alone reads.
    """

    name: str
    letter: str
    layer: str
    of_batch: bool = False
    own_settings: tuple[str, ...] = ()


#: By name, in the order of the help; the first one is the default.
NORMS: dict[str, Norm] = {
    norm.name: norm
    for norm in (
        Norm("batch", "B", "bnjax.nn.norms.batch:BatchNorm", of_batch=True),
        Norm("layer", "L", "bnjax.nn.norms.layer:LayerNorm"),
        Norm("group", "G", "bnjax.nn.norms.group:GroupNorm", own_settings=("norm_groups",)),
        Norm("instance", "I", "bnjax.nn.norms.instance:InstanceNorm"),
        Norm("filter-response", "F", "bnjax.nn.norms.filter_response:FilterResponseNorm"),
        Norm("rms", "R", "bnjax.nn.norms.rms:RMSNorm"),
        Norm("scale", "S", "bnjax.nn.norms.scale:ScaleNorm"),
        Norm(
            "renorm",
            "N",
            "bnjax.nn.norms.renorm:BatchRenorm",
            of_batch=True,
            own_settings=("renorm_r", "renorm_d", "renorm_steps"),
        ),
    )
}
DEFAULT_NORM = "batch"


def any_of_batch(names: Iterable[str]) -> bool:
    """Whether any of these norms has statistics of the batch and running ones."""
    return any(NORMS[name].of_batch for name in names)
