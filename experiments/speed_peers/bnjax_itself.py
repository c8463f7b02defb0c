"""bnjax as its own experiments run it: its network, optimizer, step, placing of batches and XLA flags."""

import itertools

import jax
import numpy as np

from bnjax.config import Config, resolve
from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import build_model
from bnjax.nn.unit import parameter_count
from bnjax.train.backend import configure_backend
from bnjax.train.mesh import data_mesh, replicate, shard_batch
from bnjax.train.optimizer import make_optimizer
from bnjax.train.state import create_state
from bnjax.train.step import Totals, make_train_step
from speed_peers.networks import CLASSES, LEARNING_RATE, NORM_EPSILON, NORM_MOMENTUM, Task, synthetic_batches


def configure(threads: int) -> None:
    """Sets XLA up as bnjax does; it takes the cores that the process may use."""
    configure_backend()


def task_config(task: Task) -> Config:
    """The config of the experiment that trains this network."""
    return resolve(
        Config(
            model=task.network,
            placement="all",
            order=task.architecture.order,
            batch_size=task.batch_size,
            learning_rate=LEARNING_RATE,
            norm_momentum=NORM_MOMENTUM,
            norm_epsilon=NORM_EPSILON,
            input_scale="raw",
        )
    )


class Trainer:
    """Trains on bytes: the pixels become numbers on the device."""

    def __init__(self, task: Task) -> None:
        config = task_config(task)
        self.model = build_model(config, CLASSES)
        self.mesh = data_mesh()
        optimizer = make_optimizer(config)
        image_shape = task.architecture.image_shape
        self.state = replicate(create_state(self.model, optimizer, image_shape, seed=0), self.mesh)
        self.parameters = parameter_count(self.state.params)
        channels = image_shape[-1]
        self._step = make_train_step(
            self.model, optimizer, InputScaling((0.0,) * channels, (1.0,) * channels)
        )
        weights = np.ones(task.batch_size, np.float32)
        self._batches = itertools.cycle([Batch(*batch, weights) for batch in synthetic_batches(task)])

    def train(self, steps: int) -> float:
        """Takes steps, waits for the last one, and returns its mean loss."""
        for _ in range(steps):
            self.state, sums = self._step(self.state, shard_batch(next(self._batches), self.mesh))
        jax.block_until_ready(self.state)
        totals = Totals()
        totals.add(sums)
        return totals.mean_loss
