"""The networks as a user of Flax would write them, with optax and jit, and XLA as it comes."""

import itertools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from speed_peers.networks import (
    CLASSES,
    LEARNING_RATE,
    NORM_EPSILON,
    NORM_MOMENTUM,
    Architecture,
    Layer,
    Task,
    synthetic_batches,
)


def configure(threads: int) -> None:
    """Nothing: XLA takes the cores that the process may use."""


class PlainNetwork(nn.Module):
    """An architecture in Flax's own layers."""

    architecture: Architecture

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Images float32 [batch, height, width, channels] -> logits."""
        for layer in self.architecture.layers:
            x = self._layer(layer, x, train)
        return nn.Dense(CLASSES)(x)

    def _layer(self, layer: Layer, x: Array, train: bool) -> Array:
        if layer.kind == "pool":
            return nn.max_pool(x, (2, 2), strides=(2, 2))
        if layer.kind == "flatten":
            return x.reshape((x.shape[0], -1))
        if layer.kind == "mean":
            return x.mean(axis=(1, 2))
        x = nn.Dense(layer.features)(x) if layer.kind == "dense" else self._conv(layer, x)
        norm = nn.BatchNorm(use_running_average=not train, momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON)
        return norm(nn.relu(x)) if self.architecture.order == "after" else nn.relu(norm(x))

    def _conv(self, layer: Layer, x: Array) -> Array:
        return nn.Conv(layer.features, (layer.kernel_size, layer.kernel_size))(x)


class Trainer:
    """A jitted step over params, running statistics and optimizer state, all donated."""

    def __init__(self, task: Task) -> None:
        self.model = PlainNetwork(task.architecture)
        self._optimizer = optax.adam(LEARNING_RATE)
        images = jnp.zeros((1, *task.architecture.image_shape))
        variables = jax.jit(self.model.init, static_argnames="train")(jax.random.key(0), images, train=False)
        self.params, self.batch_stats = variables["params"], variables["batch_stats"]
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        self._state = (self.params, self.batch_stats, self._optimizer.init(self.params))
        self._step = jax.jit(self._train_step, donate_argnums=0)
        batches = [(images.astype(np.float32), labels) for images, labels in synthetic_batches(task)]
        self._batches = itertools.cycle(batches)

    def _train_step(self, state: tuple, images: Array, labels: Array) -> tuple[tuple, Array]:
        params, batch_stats, opt_state = state

        def mean_loss(params: Any) -> tuple[Array, Any]:
            variables = {"params": params, "batch_stats": batch_stats}
            logits, updated = self.model.apply(variables, images, train=True, mutable=["batch_stats"])
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
            return losses.mean(), updated["batch_stats"]

        (loss, batch_stats), gradients = jax.value_and_grad(mean_loss, has_aux=True)(params)
        updates, opt_state = self._optimizer.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), batch_stats, opt_state), loss

    def train(self, steps: int) -> float:
        """Takes steps, waits for the last one, and returns its mean loss."""
        for _ in range(steps):
            self._state, loss = self._step(self._state, *next(self._batches))
        jax.block_until_ready(self._state)
        return float(loss)
