"""Where data and state lie when there are several devices: batches are cut, the state is everywhere.

The devices may be those of several processes. Then each process gives its own part of what is cut, and gets
at what is everywhere.
"""

from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding
from jaxtyping import Int

from bnjax.settings.fields import ConfigError

T = TypeVar("T")
_AXIS, _LANES = "data", "lanes"


def data_mesh() -> Mesh:
    """All devices in a row, those of a process side by side."""
    return Mesh(
        np.array(sorted(jax.devices(), key=lambda device: (device.process_index, device.id))), (_AXIS,)
    )


def lane_mesh() -> Mesh:
    """This process's devices, which share lanes."""
    return Mesh(np.array(jax.local_devices()), (_LANES,))


def own_rows(size: int, mesh: Mesh) -> slice:
    """The rows that this process's devices take of a batch, whose size is a multiple of the devices."""
    rows = size // mesh.size
    mine = [n for n, device in enumerate(mesh.devices.flat) if device.process_index == jax.process_index()]
    return slice(mine[0] * rows, (mine[-1] + 1) * rows)


def shard_batch(batch: T, mesh: Mesh) -> T:
    """Cuts arrays along their first axis, one piece for each device.

    Args:
      batch: this process's rows, see :func:`own_rows`.
    """
    return _cut(batch, NamedSharding(mesh, PartitionSpec(_AXIS)))


def shard_order(order: Int[np.ndarray, "steps batch"], mesh: Mesh) -> Int[jax.Array, "steps batch"]:
    """Cuts it along the batch, so that every device takes its part of each batch."""
    own = order[:, own_rows(order.shape[1], mesh)]
    return _cut(own, NamedSharding(mesh, PartitionSpec(None, _AXIS)))


def shard_lanes(tree: T, mesh: Mesh) -> T:
    """Cuts arrays with lanes first, one piece for each device of a :func:`lane_mesh`."""
    return _cut(tree, NamedSharding(mesh, PartitionSpec(_LANES)))


def _cut(tree: Any, sharding: NamedSharding) -> Any:
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda own: jax.make_array_from_process_local_data(sharding, own), tree)


def replicate(tree: T, mesh: Mesh) -> T:
    """A copy on every device; all processes give the same."""
    everywhere = NamedSharding(mesh, PartitionSpec())
    if everywhere.is_fully_addressable:
        return jax.device_put(tree, everywhere)
    return jax.tree.map(lambda leaf: put(leaf, everywhere), tree)


def put(leaf: Any, sharding: Sharding) -> jax.Array:
    """One array as ``sharding`` says; where that has devices of other processes, it is the same on each."""
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    devices = sorted(jax.local_devices(), key=lambda device: device.id)  # as in the mesh
    copies = [jax.device_put(leaf, device) for device in devices]
    return jax.make_array_from_single_device_arrays(leaf.shape, sharding, copies)


def local(tree: T) -> T:
    """This process's copies of what lies on the devices of several, so that they can be used by one alone."""

    def own(leaf: Any) -> Any:
        elsewhere = isinstance(leaf, jax.Array) and not leaf.is_fully_addressable
        return leaf.addressable_data(0) if elsewhere else leaf

    return jax.tree.map(own, tree)


def largest(number: int, mesh: Mesh) -> Int[jax.Array, ""]:
    """The largest of the numbers that the processes of a mesh give, in all of them."""
    numbers = np.full(mesh.size, number, np.int32)
    return _largest(shard_batch(numbers[own_rows(mesh.size, mesh)], mesh))


@jax.jit
def _largest(numbers: Int[jax.Array, " devices"]) -> Int[jax.Array, ""]:
    return numbers.max()


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
