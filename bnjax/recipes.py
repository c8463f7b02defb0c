"""The recipes of the published experiments, as data.

Each experiment has two: ``published``, as its author ran it, and ``controlled``, which shuffles every
epoch and standardises the inputs and changes nothing else.
"""

import dataclasses
from typing import Any

from bnjax.config import Config

#: Batch Normalization and dropout on CIFAR-10 (Qiita, 2018-06-10, TensorFlow 1.8): 5x5 convolutions, norms
#: after the activation, tf.train.AdamOptimizer(1e-3) with its epsilon 1e-8, batches of 128, raw pixels, the
#: same 390 batches every epoch. Its author ran 400 epochs; 10 is what a first answer needs.
CIFAR10 = Config()

#: The twelve conditions of that experiment: placement x dropout.
CIFAR10_CONDITIONS = tuple(
    {"placement": placement, "dropout": dropout}
    for placement in ("none", "conv", "dense", "conv,dense")
    for dropout in (0.0, 0.2, 0.4)
)

EXPERIMENTS = {"cifar10": CIFAR10}


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
