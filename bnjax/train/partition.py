"""The parameters that are trained, and the others, which cost neither gradients nor optimizer state."""

from typing import Any

from flax.traverse_util import flatten_dict, unflatten_dict

from bnjax.models import Network

Tree = dict[str, Any]


def split(params: Tree, model: Network) -> tuple[Tree, Tree]:
    """A network's params -> those that it trains, and the others; empty subtrees are left out."""
    leaves = flatten_dict(params)
    trained = {path: leaf for path, leaf in leaves.items() if model.trains(path)}
    frozen = {path: leaf for path, leaf in leaves.items() if path not in trained}
    return unflatten_dict(trained), unflatten_dict(frozen)


def join(trained: Tree, frozen: Tree) -> Tree:
    """The params that were split."""
    return unflatten_dict({**flatten_dict(trained), **flatten_dict(frozen)})
