"""The networks in Keras 3 on JAX or PyTorch, trained by ``train_on_batch``; both backends as they come.

The environment of the process has to name the backend, ``KERAS_BACKEND``, before Keras is imported.
"""

import itertools
import math
from functools import cached_property

import keras
import numpy as np
from keras import layers

from speed_peers.images import epoch_set, synthetic_batches
from speed_peers.layers import Branches, Chain, Layer, Shortcut
from speed_peers.networks import (
    CLASSES,
    FROZEN_LAYERS,
    HEAD_WIDTH,
    LEARNING_RATE,
    NORM_EPSILON,
    NORM_MOMENTUM,
    Architecture,
    Task,
)

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def configure(threads: int) -> None:
    """Nothing: XLA takes the cores that the process may use, PyTorch as many as ``OMP_NUM_THREADS`` says."""


def keras_network(task: Task) -> keras.Model:
    """A task's network as a Keras model that returns logits, in float32 whatever the policy is."""
    images = keras.Input(task.image_shape)
    x = _chain(task.architecture.chain, images, task.architecture)
    if task.frozen:
        x = layers.Dense(HEAD_WIDTH, activation="relu")(x)
    model = keras.Model(images, layers.Dense(CLASSES, dtype="float32")(x))
    if task.frozen:
        for layer in model.layers[:FROZEN_LAYERS]:
            layer.trainable = False
    return model


def _chain(chain: Chain, x: keras.KerasTensor, architecture: Architecture) -> keras.KerasTensor:
    for layer in chain:
        if isinstance(layer, Shortcut):
            x = layers.Add()([x, _chain(layer.chain, x, architecture)])
        elif isinstance(layer, Branches):
            x = layers.Concatenate()([_chain(branch, x, architecture) for branch in layer.chains])
        else:
            for made in _layers(layer, architecture):
                x = made(x)
    return x


def _layers(layer: Layer, architecture: Architecture) -> list[keras.Layer]:
    if layer.kind == "max_pool":
        return [layers.MaxPooling2D(layer.window, layer.stride, layer.padding)]
    if layer.kind == "average_pool":
        return [layers.AveragePooling2D(layer.window, layer.stride, layer.padding)]
    if layer.kind == "flatten":
        return [layers.Flatten()]
    if layer.kind == "mean":
        return [layers.GlobalAveragePooling2D()]
    settings = dict(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, scale=architecture.norm_scale)
    norms = [layers.BatchNormalization(**settings)] if layer.norm else []
    activations = [] if layer.linear else [layers.Activation(architecture.activation)]
    behind = [*norms, *activations] if architecture.order == "before" else [*activations, *norms]
    return [_linear(layer, architecture), *behind]


def _linear(layer: Layer, architecture: Architecture) -> keras.Layer:
    if layer.kind == "dense":
        return layers.Dense(layer.features)
    settings = dict(strides=layer.stride, padding=layer.padding, use_bias=architecture.conv_bias)
    if layer.kind == "depthwise":
        return layers.DepthwiseConv2D(layer.window, **settings)
    return layers.Conv2D(layer.features, layer.window, **settings)


class Trainer:
    """A compiled model: steps without ``fit``'s own loop, epochs by ``fit``."""

    def __init__(self, task: Task) -> None:
        keras.utils.set_random_seed(0)
        keras.config.set_dtype_policy(_POLICIES[task.precision])
        self._task = task
        self.model = keras_network(task)
        self.parameters = sum(math.prod(weight.shape) for weight in self.model.trainable_weights)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(optimizer=keras.optimizers.Adam(LEARNING_RATE), loss=loss)
        batches = [(images.astype(np.float32), labels) for images, labels in synthetic_batches(task)]
        self._batches = itertools.cycle(batches)

    def train(self, steps: int) -> float:
        """Takes steps and returns Keras's loss, a running mean; reading it waits for the step."""
        for _ in range(steps):
            loss = self.model.train_on_batch(*next(self._batches))
        return float(loss)

    @cached_property
    def _epoch_set(self) -> tuple[np.ndarray, np.ndarray]:
        images, labels = epoch_set(self._task)
        return images.astype(np.float32), labels

    def train_epochs(self, count: int) -> float:
        """Fits arrays and returns Keras's loss of the last epoch."""
        settings = dict(batch_size=self._task.batch_size, epochs=count, shuffle=True, verbose=0)
        return float(self.model.fit(*self._epoch_set, **settings).history["loss"][-1])

    def evaluate(self, steps: int) -> float:
        """Evaluates so many batches and returns Keras's loss."""
        for _ in range(steps):
            loss = self.model.test_on_batch(*next(self._batches))
        return float(loss)
