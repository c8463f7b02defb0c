"""The rate of a large matrix product in PyTorch, whose kernels are not XLA's."""

import torch

from speed_peers.contestants import MATRIX_SIZE
from speed_peers.networks import Task
from speed_peers.pytorch import configure

__all__ = ["Trainer", "configure"]


class Trainer:
    """Trains nothing: a step is one product."""

    parameters = 0

    def __init__(self, task: Task) -> None:
        torch.manual_seed(0)
        matrix = torch.randn(MATRIX_SIZE, MATRIX_SIZE) / MATRIX_SIZE**0.5
        self._matrix = matrix.to(getattr(torch, task.precision))

    def train(self, steps: int) -> float:
        """Multiplies and returns one number of the product."""
        with torch.inference_mode():
            for _ in range(steps):
                product = self._matrix @ self._matrix
        return product[0, 0].item()
