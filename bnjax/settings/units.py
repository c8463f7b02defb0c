"""What units and their norms are, as values that are passed whole from a network to its layers (no JAX).

The defaults are those of the flags, where these are defined; what no flag sets has its default here.
"""

import dataclasses
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from bnjax.settings.parts.network import NetworkSettings
from bnjax.settings.parts.training import TrainingSettings


@dataclass(frozen=True)
class NormSettings:
    """What a norm is, whatever the kind; each reads what it needs.

    Attributes:
      norm: its name in :data:`bnjax.norm.NORMS`.
      norm_momentum: what the running mean and the (biased) running variance keep of themselves in a training
        step; 0.99 keeps 99%, as in Keras and Flax. PyTorch's number is 1 minus this one.
      norm_epsilon: added to the variance before its root; 1e-3 in TensorFlow 1 and Keras.
      norm_groups: into how many groups ``group`` cuts the channels.
      renorm_r, renorm_d, renorm_steps: the limits of ``renorm`` and the steps over which they open.
      norm_noise: how much noise stands behind it in training, see :class:`bnjax.nn.norms.noise.NormNoise`.
      norm_scale: whether a scale is learnt; without it, it is 1.
      norm_group: how many examples share the statistics of a batch in training; 0 for the whole batch. The
        running variance follows the biased one: of groups of 2 single values it comes to half the true one.
      axis_name: of ``shard_map``, ``vmap`` or ``pmap``: the batch is in equal parts over it, and statistics
        are those of all parts. None: those of the part at hand.
      mode: what norms with running statistics do in training, see :data:`bnjax.nn.norms.MODES`. Whether
        scale and bias are trained is not its matter, see :class:`bnjax.settings.freezing.Freezing`.
    """

    norm: str = NetworkSettings.norm
    norm_momentum: float = NetworkSettings.norm_momentum
    norm_epsilon: float = NetworkSettings.norm_epsilon
    norm_groups: int = NetworkSettings.norm_groups
    renorm_r: float = NetworkSettings.renorm_r
    renorm_d: float = NetworkSettings.renorm_d
    renorm_steps: int = NetworkSettings.renorm_steps
    norm_noise: float = NetworkSettings.norm_noise
    norm_scale: bool = True
    norm_group: int = 0
    axis_name: Hashable | None = None
    mode: str = "train"


@dataclass(frozen=True)
class UnitSettings:
    """What all units of a network have in common.

    Attributes:
      activation, negative_slope: see :func:`bnjax.nn.activations.activate`; a ``prelu`` learns a slope for
        each feature instead, a ``thresholded`` one its threshold.
      dropout: probability of zeroing an output in training; the others are scaled by 1 / (1 - dropout). It
        and ``negative_slope`` may be traced, so that runs which differ in them share a program.
      kernel_init, init_deviation: see :func:`bnjax.nn.initializers.kernel_initializer`.
      weight_standardisation: see :func:`bnjax.nn.weight_standardisation.standardised_kernel`.
      kernels: whose form a convolution has, see :func:`bnjax.kernels.choice.makes`.
      norms: of the unit's norm, where it has one.
    """

    activation: str = NetworkSettings.activation
    negative_slope: Any = NetworkSettings.negative_slope
    dropout: Any = NetworkSettings.dropout
    kernel_init: str = NetworkSettings.kernel_init
    init_deviation: float = NetworkSettings.init_deviation
    weight_standardisation: bool = NetworkSettings.weight_standardisation
    kernels: str = TrainingSettings.kernels
    norms: NormSettings = NormSettings()


def unit_settings(network: Any) -> UnitSettings:
    """Those of a network, from its arguments of the same names."""
    return UnitSettings(**_named(UnitSettings, network), norms=NormSettings(**_named(NormSettings, network)))


def _named(kind: Any, source: Any) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: getattr(source, name) for name in names if hasattr(source, name)}
