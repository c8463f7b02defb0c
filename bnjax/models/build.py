"""From a config to its network."""

import dataclasses
import pkgutil

import jax
import jax.numpy as jnp

from bnjax.architectures import ARCHITECTURES
from bnjax.kernels.choice import obstacle as kernel_obstacle
from bnjax.models.network import Network
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.finetuning import freezing


def network_class(model: str) -> type[Network]:
    """The class behind a network's name in flags; its module is imported when it is asked for.

    Raises:
      KeyError: no network has that name.
    """
    return pkgutil.resolve_name(ARCHITECTURES[model].network)


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
    network = network_class(config.model)
    shared = {field.name for field in dataclasses.fields(network)} & {field.name for field in FIELDS}
    settings = {name: getattr(config, name) for name in shared} | dict(
        placement=config.parsed_placement(), kernels=kernels(config)
    )
    return network(
        num_classes=num_classes,
        gated=gated,
        compute_dtype=jnp.bfloat16 if config.precision == "bfloat16" else None,
        freezing=freezing(config),
        norm_group=norm_group(config),
        **settings,
    )
