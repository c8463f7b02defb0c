"""From a config to its network."""

import importlib
from typing import Any

import jax
import jax.numpy as jnp

from bnjax.architectures import ARCHITECTURES
from bnjax.kernels.choice import obstacle as kernel_obstacle
from bnjax.models.network import Network
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.finetuning import freezing


def network_class(model: str) -> type[Network]:
    """The class behind a network's name in flags; its module is imported when it is asked for.

    Raises:
      KeyError: no network has that name.
    """
    module, _, name = ARCHITECTURES[model].network.partition(":")
    return getattr(importlib.import_module(module), name)


def norm_group(config: Config) -> int:
    """How many examples share the statistics of a norm; 0 for the whole batch.

    ``device`` counts all devices, also for lanes, whose devices each hold whole batches: it says what
    the run's batches would be alone.
    """
    if config.bn_batch == "global":
        return 0
    if config.bn_batch == "device":
        return config.batch_size // jax.device_count()
    return int(config.bn_batch)


def kernels(config: Config) -> str:
    """Whose form convolutions have: ``llvm`` or ``xla``.

    Raises:
      ConfigError: it is bnjax's that is asked for, and cannot be had.
    """
    if config.kernels == "xla":
        return "xla"
    float32 = config.precision == "float32"
    reason = kernel_obstacle() if float32 else f"they compute in float32, not {config.precision}"
    if not reason:
        return "llvm"
    if config.kernels == "llvm":
        raise ConfigError(f"--kernels=llvm cannot be had: {reason}; xla and auto can")
    return "xla"


def build_model(config: Config, num_classes: int, gated: bool = False) -> Network:
    """The network that a config asks for, with its placement parsed.

    Args:
      gated: the placement is not built in, see :class:`bnjax.nn.Unit`.
    """
    own: dict[str, Any] = {name: getattr(config, name) for name in ARCHITECTURES[config.model].own_settings}
    return network_class(config.model)(
        num_classes=num_classes,
        placement=config.parsed_placement(),
        gated=gated,
        compute_dtype=jnp.bfloat16 if config.precision == "bfloat16" else None,
        dropout=config.dropout,
        activation=config.activation,
        negative_slope=config.negative_slope,
        kernel_init=config.kernel_init,
        init_deviation=config.init_deviation,
        norm_momentum=config.norm_momentum,
        norm_epsilon=config.norm_epsilon,
        head_width=config.head_width,
        freezing=freezing(config),
        norm_group=norm_group(config),
        kernels=kernels(config),
        **own,
    )
