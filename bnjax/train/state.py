"""Everything that training changes, as one pytree."""

import hashlib
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import struct
from jax import Array
from jax.stages import Wrapped
from jaxtyping import Int, Key

from bnjax.models import Network
from bnjax.train.partition import split

_INIT_KEY, _DROPOUT_KEY = 0, 1
#: For a program that runs once: LLVM's unrolling of the random bits takes most of its compilation (measured,
#: see experiments/results/speed/README.md).
_COMPILED_IN_HASTE = {"xla_backend_optimization_level": 1}


class TrainState(struct.PyTreeNode):
    """Parameters, running statistics, optimizer state, number of steps taken, and the key of dropout.

    The optimizer's state is that of the trained parameters alone, see :mod:`bnjax.train.partition`.
    """

    params: Any
    batch_stats: Any
    opt_state: Any
    step: Int[Array, ""]
    key: Key[Array, ""]


@dataclass(frozen=True)
class StateMaker:
    """Makes the state before the first step from a seed, compiled once for all seeds."""

    _make: Wrapped

    def __call__(self, seed: int) -> TrainState:
        return self._make(jax.random.key(seed))

    def shapes(self) -> TrainState:
        """The shapes of a state, without making one. Tracing is shared with the first call."""
        return jax.eval_shape(self._make, jax.random.key(0))


def state_maker(
    model: Network, optimizer: optax.GradientTransformation, image_shape: tuple[int, int, int]
) -> StateMaker:
    """What makes the state before the first step.

    Initial kernels and the key of dropout depend on the seed alone, not on the placement, so that
    conditions with one seed can be compared in pairs.
    """

    def make(key: Key[Array, ""]) -> TrainState:
        images = jnp.zeros((1, *image_shape), model.param_dtype)
        variables = model.init(jax.random.fold_in(key, _INIT_KEY), images)
        return TrainState(
            params=variables["params"],
            batch_stats=variables.get("batch_stats", {}),  # init returns sown collections too
            opt_state=optimizer.init(split(variables["params"], model)[0]),
            step=jnp.zeros([], jnp.int32),
            key=jax.random.fold_in(key, _DROPOUT_KEY),
        )

    on_cpu = jax.default_backend() == "cpu"
    return StateMaker(jax.jit(make, compiler_options=_COMPILED_IN_HASTE if on_cpu else None))


def create_state(
    model: Network,
    optimizer: optax.GradientTransformation,
    image_shape: tuple[int, int, int],
    seed: int,
) -> TrainState:
    """The state before the first step, see :func:`state_maker`."""
    return state_maker(model, optimizer, image_shape)(seed)


def digest(variables: Any) -> str:
    """SHA-256 over a tree of arrays, their names included: equal digests are equal bytes."""
    summed = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        summed.update(jax.tree_util.keystr(path).encode())
        summed.update(np.ascontiguousarray(leaf).data)
    return summed.hexdigest()
