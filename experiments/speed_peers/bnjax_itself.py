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
from bnjax.train.eval_step import make_eval_step
from bnjax.train.mesh import data_mesh, replicate, shard_batch, shard_order
from bnjax.train.optimizer import make_optimizer
from bnjax.train.state import create_state
from bnjax.train.step import Sums, Totals, make_train_loop, make_train_step
from bnjax.train.stepping import STEPS_IN_LOOP
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
            activation=task.architecture.activation,
            image_size=task.image_shape[0],
            input_scale="raw",
        )
    )


class Trainer:
    """Trains on bytes: the pixels become numbers on the device.

    Steps are taken as :func:`bnjax.train.stepping.epoch_steps` takes them: of a network with convolutions one
    by one, with a batch sent along, of another one in a loop over images that lie on the device.
    """

    def __init__(self, task: Task) -> None:
        config = task_config(task)
        self.model = build_model(config, CLASSES)
        self.mesh = data_mesh()
        optimizer = make_optimizer(config)
        image_shape = task.image_shape
        self.state = replicate(create_state(self.model, optimizer, image_shape, seed=0), self.mesh)
        self.parameters = parameter_count(self.state.params)
        channels = image_shape[-1]
        parts = (self.model, optimizer, InputScaling((0.0,) * channels, (1.0,) * channels))
        batches = list(synthetic_batches(task))
        weights = np.ones(task.batch_size, np.float32)
        self._batches = itertools.cycle([Batch(*batch, weights) for batch in batches])
        self._evaluation = make_eval_step(self.model, parts[-1])
        if task.architecture.has_convolutions:
            self._step = make_train_step(*parts)
            self._take = self._step_by_step
        else:
            images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
            examples = Batch(images, labels, np.ones(len(labels), np.float32))
            self._examples = replicate(examples, self.mesh)
            order = np.resize(np.arange(len(labels), dtype=np.int32), (STEPS_IN_LOOP, task.batch_size))
            self._order = shard_order(order, self.mesh)
            self._loop = make_train_loop(*parts)
            self._take = self._in_a_loop

    def train(self, steps: int) -> float:
        """Takes steps, waits for the last one, and returns its mean loss."""
        sums = self._take(steps)
        jax.block_until_ready(self.state)
        return _mean_loss(sums)

    def evaluate(self, steps: int) -> float:
        """Evaluates so many batches, probes of units included, and returns the mean loss of the last one."""
        for _ in range(steps):
            batch = shard_batch(next(self._batches), self.mesh)
            sums, _ = jax.device_get(self._evaluation(self.state.params, self.state.batch_stats, batch))
        return _mean_loss(sums)

    def _step_by_step(self, steps: int) -> Sums:
        for _ in range(steps):
            self.state, sums = self._step(self.state, shard_batch(next(self._batches), self.mesh))
        return sums

    def _in_a_loop(self, steps: int) -> Sums:
        while steps:
            count = min(steps, STEPS_IN_LOOP)
            self.state, sums = self._loop(self.state, self._examples, self._order, count)
            steps -= count
        return Sums(*(values[count - 1] for values in sums))


def _mean_loss(sums: Sums) -> float:
    totals = Totals()
    totals.add(sums)
    return totals.mean_loss
