"""The networks in Keras 3 on its JAX backend, trained by ``train_on_batch``; XLA as it comes.

The environment of the process has to say ``KERAS_BACKEND=jax`` before Keras is imported.
"""

import itertools
import math

import keras
import numpy as np
from keras import layers

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


def keras_layers(layer: Layer, order: str) -> list[keras.Layer]:
    """One layer of an architecture in Keras's own layers."""
    if layer.kind == "pool":
        return [layers.MaxPooling2D()]
    if layer.kind == "flatten":
        return [layers.Flatten()]
    if layer.kind == "mean":
        return [layers.GlobalAveragePooling2D()]
    convolution = layer.kind == "conv"
    linear = (
        layers.Conv2D(layer.features, layer.kernel_size, padding="same")
        if convolution
        else layers.Dense(layer.features)
    )
    norm = layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON)
    activation = layers.Activation("relu")
    return [linear, norm, activation] if order == "before" else [linear, activation, norm]


def keras_network(architecture: Architecture) -> keras.Model:
    """An architecture as a Keras model that returns logits."""
    hidden = [keras_layers(layer, architecture.order) for layer in architecture.layers]
    stack = [keras.Input(architecture.image_shape), *itertools.chain(*hidden), layers.Dense(CLASSES)]
    return keras.Sequential(stack)


class Trainer:
    """A compiled model, as ``fit`` would train it, without ``fit``'s own loop."""

    def __init__(self, task: Task) -> None:
        keras.utils.set_random_seed(0)
        self.model = keras_network(task.architecture)
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
