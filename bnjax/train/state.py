"""Everything that training changes, as one pytree."""

import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct
from jax import Array

from bnjax.models import Network

_INIT_KEY, _DROPOUT_KEY = 0, 1


class TrainState(struct.PyTreeNode):
    """Parameters, running statistics, optimizer state, number of steps taken, and the key of dropout."""

    params: Any
    batch_stats: Any
    opt_state: Any
    step: Array
    key: Array


def create_state(
    model: Network,
    optimizer: optax.GradientTransformation,
    image_shape: tuple[int, int, int],
    seed: int,
) -> TrainState:
    """The state before the first step.

    Initial kernels and the key of dropout depend on the seed alone, not on the placement, so that
    conditions with one seed can be compared in pairs.
    """
    key = jax.random.key(seed)
    images = jnp.zeros((1, *image_shape), model.param_dtype)
    # A compiled init traces the network without running it, which takes half the time.
    variables = jax.jit(model.init)(jax.random.fold_in(key, _INIT_KEY), images)
    return TrainState(
        params=variables["params"],
        batch_stats=variables.get("batch_stats", {}),  # init returns sown collections too
        opt_state=optimizer.init(variables["params"]),
        step=jnp.zeros([], jnp.int32),
        key=jax.random.fold_in(key, _DROPOUT_KEY),
    )


def state_digest(state: TrainState) -> str:
    """SHA-256 over params and batch_stats: equal digests are equal bytes."""
    digest = hashlib.sha256()
    leaves = jax.tree_util.tree_leaves_with_path((state.params, state.batch_stats))
    for path, leaf in leaves:
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(np.ascontiguousarray(leaf).data)
    return digest.hexdigest()
