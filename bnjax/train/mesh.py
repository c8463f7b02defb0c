"""Where data and state lie when there are several devices: batches are cut, the state is everywhere."""

from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from bnjax.config import ConfigError

T = TypeVar("T")
_AXIS = "data"


def data_mesh() -> Mesh:
    """All local devices in a row."""
    return Mesh(np.array(jax.local_devices()), (_AXIS,))


def shard_batch(batch: T, mesh: Mesh) -> T:
    """Cuts arrays along their first axis, one piece for each device."""
    return jax.device_put(batch, NamedSharding(mesh, PartitionSpec(_AXIS)))


def shard_order(order: np.ndarray, mesh: Mesh) -> jax.Array:
    """Cuts [steps, batch size] along the batch, so that every device takes its part of each batch."""
    return jax.device_put(order, NamedSharding(mesh, PartitionSpec(None, _AXIS)))


def replicate(tree: T, mesh: Mesh) -> T:
    """A copy on every device."""
    return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))


def check_batch_size(batch_size: int, mesh: Mesh) -> None:
    """Refuses a training batch that devices cannot share evenly.

    Raises:
      ConfigError: names the sizes that would do.
    """
    if batch_size % mesh.size:
        raise ConfigError(
            f"--batch_size={batch_size} cannot be shared by {mesh.size} devices; use a multiple of "
            f"{mesh.size}"
        )
