"""The parameters that are trained, and the others, which cost neither gradients nor optimizer state."""

import zlib
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from bnjax.models import Network
from bnjax.nn.unit import parameter_count

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


def limited(trained: Tree, model: Network) -> Tree:
    """The trained params with gradients where numbers of them are trained alone: ``two-weights``.

    Where every unit has a norm they are as many as norms have (Frankle et al. 2020, section 4).
    """
    if model.freezing.trained != "two-weights":
        return trained
    leaves = flatten_dict(trained)
    return unflatten_dict(
        {
            path: jnp.where(two_of_each_feature(path, leaf.shape), leaf, jax.lax.stop_gradient(leaf))
            for path, leaf in leaves.items()
        }
    )


def trained_count(params: Tree, model: Network) -> int:
    """How many numbers of a network's params it trains."""
    trained = split(params, model)[0]
    if model.freezing.trained != "two-weights":
        return parameter_count(trained)
    leaves = flatten_dict(trained)
    return sum(int(two_of_each_feature(path, leaf.shape).sum()) for path, leaf in leaves.items())


def two_of_each_feature(path: Sequence[str], shape: tuple[int, ...]) -> np.ndarray:
    """Where a kernel [..., features] is trained: at two positions of each feature, drawn by its name.

    Kernels are random, so the same positions for every seed are as good as others.
    """
    draws = np.random.default_rng(zlib.crc32("/".join(path).encode())).random(shape)
    ranks = draws.reshape(-1, shape[-1]).argsort(0).argsort(0)
    return (ranks < 2).reshape(shape)
