"""The networks as a user of Flax would write them, with optax and jit, and XLA as it comes."""

import itertools
from functools import cached_property
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from speed_peers.images import epoch_set, synthetic_batches
from speed_peers.layers import Branches, Chain, Layer, Shortcut
from speed_peers.networks import (
    CLASSES,
    LEARNING_RATE,
    NORM_EPSILON,
    NORM_MOMENTUM,
    Architecture,
    Task,
)

_ACTIVATIONS = {"relu": nn.relu, "relu6": nn.relu6}


def configure(threads: int) -> None:
    """Nothing: XLA takes the cores that the process may use."""


class PlainNetwork(nn.Module):
    """An architecture in Flax's own layers.

    Attributes:
      dtype: of products and activations; parameters, statistics and logits are float32.
    """

    architecture: Architecture
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Images float32 [batch, height, width, channels] -> logits."""
        x = self._chain(self.architecture.chain, x, train)
        return nn.Dense(CLASSES, dtype=jnp.float32)(x)

    def _chain(self, chain: Chain, x: Array, train: bool) -> Array:
        for layer in chain:
            if isinstance(layer, Shortcut):
                x = x + self._chain(layer.chain, x, train)
            elif isinstance(layer, Branches):
                x = jnp.concatenate([self._chain(branch, x, train) for branch in layer.chains], axis=-1)
            else:
                x = self._layer(layer, x, train)
        return x

    def _layer(self, layer: Layer, x: Array, train: bool) -> Array:
        strides = (layer.stride, layer.stride)
        if layer.kind == "max_pool":
            return nn.max_pool(x, layer.window, strides, layer.padding)
        if layer.kind == "average_pool":
            return nn.avg_pool(x, layer.window, strides, layer.padding, count_include_pad=False)
        if layer.kind == "flatten":
            return x.reshape((x.shape[0], -1))
        if layer.kind == "mean":
            return x.mean(axis=(1, 2))
        return self._unit(layer, x, train)

    def _unit(self, layer: Layer, x: Array, train: bool) -> Array:
        architecture = self.architecture
        dense = layer.kind == "dense"
        x = nn.Dense(layer.features, dtype=self.dtype)(x) if dense else self._conv(layer, x)
        norm = self._norm(train) if layer.norm else _same
        if layer.linear:
            return norm(x)
        activation = _ACTIVATIONS[architecture.activation]
        return norm(activation(x)) if architecture.order == "after" else activation(norm(x))

    def _norm(self, train: bool) -> nn.BatchNorm:
        return nn.BatchNorm(
            use_running_average=not train,
            momentum=NORM_MOMENTUM,
            epsilon=NORM_EPSILON,
            dtype=self.dtype,
            use_scale=self.architecture.norm_scale,
        )

    def _conv(self, layer: Layer, x: Array) -> Array:
        convolution = nn.Conv(
            layer.features,
            layer.window,
            strides=layer.stride,
            padding=layer.padding,
            feature_group_count=layer.features if layer.kind == "depthwise" else 1,
            use_bias=self.architecture.conv_bias,
            dtype=self.dtype,
        )
        return convolution(x)


class Trainer:
    """A jitted step over params, running statistics and optimizer state, all donated."""

    def __init__(self, task: Task) -> None:
        self.model = PlainNetwork(task.architecture, jnp.dtype(task.precision))
        self._task = task
        self._optimizer = optax.adam(LEARNING_RATE)
        images = jnp.zeros((1, *task.image_shape))
        variables = jax.jit(self.model.init, static_argnames="train")(jax.random.key(0), images, train=False)
        self.params, self.batch_stats = variables["params"], variables.get("batch_stats", {})
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(self.params))
        self._state = (self.params, self.batch_stats, self._optimizer.init(self.params))
        self._step = jax.jit(self._train_step, donate_argnums=0)
        self._evaluation = jax.jit(self._evaluation_loss)
        batches = [(images.astype(np.float32), labels) for images, labels in synthetic_batches(task)]
        self._batches = itertools.cycle(batches)
        self._random = np.random.default_rng(0)

    def _train_step(self, state: tuple, images: Array, labels: Array) -> tuple[tuple, Array]:
        params, batch_stats, opt_state = state

        def mean_loss(params: Any) -> tuple[Array, Any]:
            variables = {"params": params, "batch_stats": batch_stats}
            logits, updated = self.model.apply(variables, images, train=True, mutable=["batch_stats"])
            return _mean_loss(logits, labels), updated.get("batch_stats", {})

        (loss, batch_stats), gradients = jax.value_and_grad(mean_loss, has_aux=True)(params)
        updates, opt_state = self._optimizer.update(gradients, opt_state, params)
        return (optax.apply_updates(params, updates), batch_stats, opt_state), loss

    def _evaluation_loss(self, state: tuple, images: Array, labels: Array) -> Array:
        params, batch_stats, _ = state
        logits: Any = self.model.apply({"params": params, "batch_stats": batch_stats}, images, train=False)
        return _mean_loss(logits, labels)

    def train(self, steps: int) -> float:
        """Takes steps, waits for the last one, and returns its mean loss."""
        for _ in range(steps):
            self._state, loss = self._step(self._state, *next(self._batches))
        jax.block_until_ready(self._state)
        return float(loss)

    @cached_property
    def _epoch_set(self) -> tuple[np.ndarray, np.ndarray]:
        images, labels = epoch_set(self._task)
        return images.astype(np.float32), labels

    def train_epochs(self, count: int) -> float:
        """Trains on arrays that a permutation cuts into batches, as Flax's own examples do."""
        images, labels = self._epoch_set
        for _ in range(count):
            order = self._random.permutation(len(labels)).reshape(-1, self._task.batch_size)
            for batch in order:
                self._state, loss = self._step(self._state, images[batch], labels[batch])
        jax.block_until_ready(self._state)
        return float(loss)

    def evaluate(self, steps: int) -> float:
        """Evaluates so many batches, waits for the last one, and returns its mean loss."""
        for _ in range(steps):
            loss = jax.block_until_ready(self._evaluation(self._state, *next(self._batches)))
        return float(loss)


def _same(x: Array) -> Array:
    return x


def _mean_loss(logits: Array, labels: Array) -> Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
