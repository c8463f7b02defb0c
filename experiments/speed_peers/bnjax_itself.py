"""bnjax as its own experiments run it: its network, optimizer, step, placing of batches and XLA flags."""

import itertools
from typing import Any

import jax
import numpy as np

from bnjax.config import Config, resolve
from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.finetuning import precomputed_block
from bnjax.models import Network, build_model
from bnjax.nn.unit import parameter_count
from bnjax.train.backend import configure_backend
from bnjax.train.eval_step import feature_function, make_eval_step
from bnjax.train.mesh import data_mesh, replicate, shard_batch, shard_order
from bnjax.train.optimizer import make_optimizer
from bnjax.train.partition import split
from bnjax.train.state import create_state
from bnjax.train.step import Sums, Totals, make_train_loop, make_train_step
from bnjax.train.stepping import STEPS_IN_LOOP
from speed_peers.networks import (
    CLASSES,
    FROZEN_LAYERS,
    HEAD_WIDTH,
    LEARNING_RATE,
    NORM_EPSILON,
    NORM_MOMENTUM,
    Task,
    synthetic_batches,
)


def configure(threads: int) -> None:
    """Sets XLA up as bnjax does; it takes the cores that the process may use."""
    configure_backend()


def task_config(task: Task) -> Config:
    """The config of the experiment that trains this network."""
    fine_tuned: dict[str, Any] = dict(
        freeze_until=str(FROZEN_LAYERS),
        norm_mode="inference",
        head_width=HEAD_WIDTH,
        precompute_frozen=task.precomputed,
    )
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
            **(fine_tuned if task.frozen else {}),
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
        self.parameters = parameter_count(split(self.state.params, self.model)[0])
        channels = image_shape[-1]
        scaling: InputScaling | None = InputScaling((0.0,) * channels, (1.0,) * channels)
        batches = list(synthetic_batches(task))
        weights = np.ones(task.batch_size, np.float32)
        fed = [Batch(*batch, weights) for batch in batches]
        model = self.model
        if task.precomputed:
            model, scaling, fed = self._behind_frozen(config, scaling, fed)
        parts = (model, optimizer, scaling)
        self._batches = itertools.cycle(fed)
        self._evaluation = make_eval_step(model, scaling)
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

    def _behind_frozen(
        self, config: Config, scaling: InputScaling | None, fed: list[Batch]
    ) -> tuple[Network, None, list[Batch]]:
        """The network behind its frozen part, and batches of what that makes of the images."""
        block = precomputed_block(config)
        step = jax.jit(feature_function(self.model.clone(ends_with=block), scaling))
        outputs = (
            jax.device_get(step(self.state.params, self.state.batch_stats, shard_batch(batch, self.mesh))[0])
            for batch in fed
        )
        made = [batch._replace(images=images) for batch, images in zip(fed, outputs, strict=True)]
        return self.model.clone(starts_behind=block), None, made

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
