"""bnjax as its own experiments run it: its network, optimizer, step, placing of batches and XLA flags."""

import itertools
from collections import deque
from functools import cached_property
from typing import Any

import jax
import numpy as np

from bnjax.data import Dataset, ImageSet
from bnjax.data.batches import Batch
from bnjax.nn.unit import parameter_count
from bnjax.process.backend import configure_backend
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.train.mesh import data_mesh, replicate, shard_batch, shard_order
from bnjax.train.partition import split
from bnjax.train.programs.shared import Programs
from bnjax.train.programs.stepping import STEPS_IN_LOOP, EpochSteps, epoch_steps
from bnjax.train.steps.sums import Sums, Totals
from speed_peers.images import epoch_set, synthetic_batches
from speed_peers.networks import CLASSES, FROZEN_LAYERS, HEAD_WIDTH, Task, task_settings


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
    return resolve(Config(**task_settings(task), **(fine_tuned if task.frozen else {})))


class Trainer:
    """Trains on bytes: the pixels become numbers on the device.

    Steps are taken as :func:`bnjax.train.programs.stepping.epoch_steps` takes them: of a network with
    convolutions one by one, with a batch sent along, of another one in a loop over images on the device.
    """

    def __init__(self, task: Task) -> None:
        config = task_config(task)
        self._task, self._config, self.mesh = task, config, data_mesh()
        batches = list(synthetic_batches(task))
        part = ImageSet(*batches[0])
        self._programs = Programs().of(config, Dataset(part, part, CLASSES, {}), gated=False)
        self.state = replicate(self._programs.first_state(0), self.mesh)
        self.parameters = parameter_count(split(self.state.params, self._programs.model)[0])
        self._epoch = 0
        weights = np.ones(task.batch_size, np.float32)
        fed = [Batch(self._fed(images), labels, weights) for images, labels in batches]
        self._batches = itertools.cycle(fed)
        if task.architecture.has_convolutions:
            self._take = self._step_by_step
        else:
            images, labels = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
            examples = Batch(images, labels, np.ones(len(labels), np.float32))
            self._examples = replicate(examples, self.mesh)
            order = np.resize(np.arange(len(labels), dtype=np.int32), (STEPS_IN_LOOP, task.batch_size))
            self._order = shard_order(order, self.mesh)
            self._take = self._in_a_loop

    def _fed(self, images: np.ndarray) -> np.ndarray:
        """What steps are fed for images of whole batches: these, or what the frozen part makes of them."""
        if not self._task.precomputed:
            return images
        size, state = self._task.batch_size, self.state
        beside = np.zeros(size, np.int32), np.ones(size, np.float32)
        outputs = []
        for part in np.split(images, len(images) // size):
            batch = shard_batch(Batch(part, *beside), self.mesh)
            made, _ = self._programs.feature_step(state.params, state.batch_stats, batch)
            outputs.append(jax.device_get(made))
        return np.concatenate(outputs)

    def train(self, steps: int) -> float:
        """Takes steps, waits for the last one, and returns its mean loss."""
        sums = self._take(steps)
        jax.block_until_ready(self.state)
        return _mean_loss(sums)

    @cached_property
    def _epoch_steps(self) -> EpochSteps:
        images, labels = epoch_set(self._task)
        return epoch_steps(self._config, self._programs, ImageSet(self._fed(images), labels), self.mesh)

    def train_epochs(self, count: int) -> float:
        """Trains on bytes in memory by the experiments' own steps, and returns the last epoch's mean loss."""
        steps, ahead = self._epoch_steps, deque[Sums]()
        for _ in range(count):
            self._epoch += 1
            totals = Totals()
            for state, sums in steps.take(self.state, self._epoch):
                self.state = state
                ahead.append(sums)
                if len(ahead) > steps.in_flight:
                    totals.add(ahead.popleft())
            while ahead:
                totals.add(ahead.popleft())
        jax.block_until_ready(self.state)
        return totals.mean_loss

    def evaluate(self, steps: int) -> float:
        """Evaluates so many batches, probes of units included, and returns the mean loss of the last one."""
        for _ in range(steps):
            batch = shard_batch(next(self._batches), self.mesh)
            [(sums, _)] = jax.device_get(
                self._programs.eval_step(self.state.params, [self.state.batch_stats], batch)
            )
        return _mean_loss(sums)

    def _step_by_step(self, steps: int) -> Sums:
        for _ in range(steps):
            self.state, sums = self._programs.train_step(
                self.state, shard_batch(next(self._batches), self.mesh)
            )
        return sums

    def _in_a_loop(self, steps: int) -> Sums:
        while steps:
            count = min(steps, STEPS_IN_LOOP)
            self.state, sums = self._programs.train_loop(self.state, self._examples, self._order, count)
            steps -= count
        return Sums(*(values[count - 1] for values in sums))


def _mean_loss(sums: Sums) -> float:
    totals = Totals()
    totals.add(sums)
    return totals.mean_loss
