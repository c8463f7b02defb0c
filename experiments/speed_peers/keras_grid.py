"""VGG7 at placements by their codes, each built, compiled and fitted for an epoch in Keras.

Usage: ``keras_grid.py DIGITS.npz CODE...`` prints a JSON list of the seconds of each.
"""

import json
import sys
import time
from collections.abc import Iterator

import keras
import numpy as np
from keras import layers


def norms(code: str) -> list[bool]:
    """Whether each of the six units has a norm before its activation: ``cBrcr-crcr-drdBr``."""
    units = code.replace("-", "").split("r")[:-1]
    return ["B" in unit for unit in units]


def vgg7(code: str, image_shape: tuple[int, ...]) -> keras.Sequential:
    """The network with norms before activations where the code says."""
    linear = [
        *(
            layers.Conv2D(features, 3, padding="same", kernel_initializer="he_normal")
            for features in (64, 64)
        ),
        *(
            layers.Conv2D(features, 3, padding="same", kernel_initializer="he_normal")
            for features in (128, 128)
        ),
        *(layers.Dense(features, kernel_initializer="he_normal") for features in (1024, 512)),
    ]
    behind = {1: layers.MaxPooling2D(), 3: layers.GlobalAveragePooling2D()}

    def stack() -> Iterator[keras.Layer]:
        yield keras.Input(image_shape)
        for number, (layer, norm) in enumerate(zip(linear, norms(code), strict=True)):
            yield layer
            if norm:
                yield layers.BatchNormalization()
            yield layers.Activation("relu")
            if number == 3:
                yield layers.MaxPooling2D()
            if number in behind:
                yield behind[number]
        yield layers.Dense(10, kernel_initializer="he_normal")

    return keras.Sequential(list(stack()))


def main(path: str, codes: list[str]) -> None:
    with np.load(path) as data:
        train = data["train_images"].astype(np.float32) / 255, data["train_labels"]
        test = data["test_images"].astype(np.float32) / 255, data["test_labels"]
    seconds = []
    for code in codes:
        started = time.perf_counter()
        model = vgg7(code, train[0].shape[1:])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(2e-4), loss, metrics=["accuracy"])
        model.fit(*train, batch_size=32, validation_data=test, validation_batch_size=500, verbose=0)
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
