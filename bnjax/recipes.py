"""The recipes of the published experiments and their sweeps, as data.

Each experiment has two recipes: ``published``, as its author ran it, and ``controlled``, which shuffles every
epoch and standardises the inputs and changes nothing else. A sweep is a list of conditions: what it is
called, and the settings that make it.
"""

import dataclasses
from typing import Any

from bnjax.config import Config

Conditions = dict[str, dict[str, Any]]

#: Batch Normalization and dropout on CIFAR-10 (Qiita, 2018-06-10, TensorFlow 1.8): 5x5 convolutions, norms
#: after the activation, tf.train.AdamOptimizer(1e-3) with its epsilon 1e-8, batches of 128, raw pixels, the
#: same 390 batches every epoch. Its author ran 400 epochs; 10 is what a first answer needs.
CIFAR10 = Config()

#: The twelve conditions of that experiment: placement x dropout.
CIFAR10_CONDITIONS: Conditions = {
    f"{placement}, dropout {dropout}": {"placement": placement, "dropout": dropout}
    for placement in ("none", "conv", "dense", "conv,dense")
    for dropout in (0.0, 0.2, 0.4)
}

#: Dying ReLU and Batch Normalization on MNIST (Qiita, 2017-05): one hidden layer of 256, Adam, batches of 100
#: shuffled every epoch, 100 epochs, gaussian initial weights. The text does not tell their deviation, the
#: learning rate, the scale of the pixels, or on which side of the activation the norm stands: 0.01, Adam's
#: usual 0.001, 0..1 and before the activation are what most code of that time has, and units die with them
#: as the author saw it.
MNIST = Config(
    model="mlp",
    placement="dense",
    order="before",
    kernel_init="gaussian",
    init_deviation=0.01,
    dataset="mnist",
    input_scale="unit",
    shuffle="epoch",
    epochs=100,
    batch_size=100,
)

_BN = {"with BN": {"placement": "dense"}, "without BN": {"placement": "none"}}
_ACTIVATIONS: Conditions = {
    "ReLU": {"activation": "relu"},
    **{
        f"slope {slope}": {"activation": "leaky_relu", "negative_slope": slope}
        for slope in (0.001, 0.01, 0.18, 0.5)
    },
}
#: The author's wish, rates as usual: momentum 0.9 makes steps ten times longer, so its rate is a tenth.
_OPTIMIZERS: Conditions = {
    "Adam": {"optimizer": "adam", "learning_rate": 0.001},
    "SGD": {"optimizer": "sgd", "learning_rate": 0.1},
    "momentum": {"optimizer": "momentum", "learning_rate": 0.01},
}


def _crossed(first: Conditions, second: Conditions) -> Conditions:
    return {f"{a}, {b}": {**first[a], **second[b]} for a in first for b in second}


#: The comparisons of the MNIST experiment.
MNIST_SWEEPS: dict[str, Conditions] = {
    "bn-or-not": _BN,
    "batch-sizes": {
        f"batch size {size}": {"batch_size": size, "placement": "dense"} for size in (10, 50, 100, 200, 500)
    },
    "leaky": _crossed(_ACTIVATIONS, _BN),
    "optimizers": _crossed(_OPTIMIZERS, _BN),
}

EXPERIMENTS = {"cifar10": CIFAR10, "mnist": MNIST}
#: experiment -> sweep -> condition -> the settings that make it.
SWEEPS: dict[str, dict[str, Conditions]] = {
    "cifar10": {"conditions": CIFAR10_CONDITIONS},
    "mnist": MNIST_SWEEPS,
}


def recipe(experiment: str, name: str) -> Config:
    """The settings of an experiment's recipe: ``published`` or ``controlled``.

    Raises:
      KeyError: no experiment or no recipe has that name.
    """
    published = EXPERIMENTS[experiment]
    changes: dict[str, dict[str, Any]] = {
        "published": {},
        "controlled": dict(recipe="controlled", shuffle="epoch", input_scale="standardize"),
    }
    return dataclasses.replace(published, **changes[name])
