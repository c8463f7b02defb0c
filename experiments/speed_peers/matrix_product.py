"""The rate of a large matrix product: what the machine can do at best, beside what steps reach."""

import jax
import jax.numpy as jnp

from bnjax.process.backend import configure_backend
from speed_peers.contestants import MATRIX_SIZE
from speed_peers.networks import Task


def configure(threads: int) -> None:
    """As bnjax: the fastest product counts."""
    configure_backend()


class Trainer:
    """Trains nothing: a step is one product."""

    parameters = 0

    def __init__(self, task: Task) -> None:
        matrix = jax.random.normal(jax.random.key(0), (MATRIX_SIZE, MATRIX_SIZE)) / MATRIX_SIZE**0.5
        self._matrix = matrix.astype(task.precision)
        self._product = jax.jit(jnp.matmul)

    def train(self, steps: int) -> float:
        """Multiplies, waits, and returns one number of the product."""
        for _ in range(steps):
            product = jax.block_until_ready(self._product(self._matrix, self._matrix))
        return float(product[0, 0])
