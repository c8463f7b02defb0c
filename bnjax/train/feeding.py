"""How batches reach the states of a program that is no training: whole, or a part for each device."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
from jax.sharding import Mesh

from bnjax.data import Images
from bnjax.data.batches import Batch
from bnjax.train.mesh import own_rows, replicate, shard_batch

T = TypeVar("T")


@dataclass(frozen=True)
class Feeding:
    """Feeds one state, or the stacked states of lanes.

    Attributes:
      lanes: how many lanes the results have along their first axis; 0 for a state without lanes, whose
        batches the devices share.
      check: called before every batch; what it raises ends the pass.
    """

    mesh: Mesh
    lanes: int = 0
    check: Callable[[], None] = lambda: None

    def batch_size(self, wanted: int, part: Images) -> int:
        """The size of evaluation batches: at most the images, a multiple of the devices that share them."""
        size = min(wanted, len(part))
        return size if self.lanes else -(-size // self.mesh.size) * self.mesh.size

    def rows(self, batch_size: int) -> slice | None:
        """Which rows of a batch this process reads; None for all."""
        return own_rows(batch_size, self.mesh) if self.mesh.is_multi_process else None

    def placed(self, batch: Batch) -> Batch:
        """A batch on the devices."""
        self.check()
        return replicate(batch, self.mesh) if self.lanes else shard_batch(batch, self.mesh)

    def by_lane(self, found: T) -> list[T]:
        """A tree of arrays for each lane; of a state without lanes, one."""
        return [lane_of(found, lane) for lane in range(self.lanes)] if self.lanes else [found]


def lane_of(stacked: T, lane: int) -> T:
    """One lane of a tree of arrays with lanes first."""
    leaves: Any = jax.tree.map(lambda leaf: leaf[lane], stacked)
    return leaves
