"""The recipes of the published experiments and their sweeps, as data.

Each experiment has two recipes: ``published``, as its author ran it, and ``controlled``, which shuffles every
epoch and standardises the inputs and changes nothing else. A sweep is a list of conditions: what it is
called, and the settings that make it.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from bnjax.config import Config
from bnjax.placement import Placement, all_placements, plain_code
from bnjax.sites import VGG7_SITES

Conditions = dict[str, dict[str, Any]]

#: What the controlled recipe of every experiment changes of its published one.
CONTROLLED: dict[str, Any] = {"recipe": "controlled", "shuffle": "epoch", "input_scale": "standardize"}

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


def crossed(first: Conditions, second: Conditions) -> Conditions:
    """Every condition of the one with every one of the other; a name may be empty."""
    return {", ".join(filter(None, (a, b))): {**first[a], **second[b]} for a in first for b in second}


#: The comparisons of the MNIST experiment.
MNIST_SWEEPS: dict[str, Conditions] = {
    "bn-or-not": _BN,
    "batch-sizes": {
        f"batch size {size}": {"batch_size": size, "placement": "dense"} for size in (10, 50, 100, 200, 500)
    },
    "leaky": crossed(_ACTIVATIONS, _BN),
    "optimizers": crossed(_OPTIMIZERS, _BN),
}

#: Where to put Batch Normalization in VGG7 (Qiita, 2018-10-02, Keras 2.2.2): he normal kernels, Adam(2e-4)
#: with epsilon=None, which Keras reads as 1e-7, and the defaults of its BatchNormalization (momentum 0.99,
#: epsilon 1e-3), as its codes say before the activation. The text gives neither batch size nor shuffling, so
#: they are those of Keras' fit: 32, shuffled every epoch. It does not tell the scale of the pixels either:
#: 0..1 is the usual one. Its few hundred cartoon faces are not public; its author's follow-up used CIFAR-10.
#: It ran 400 epochs; 10 is what a first answer needs, and too few to see much overfitting.
VGG7 = Config(
    model="vgg7",
    order="before",
    kernel_init="he_normal",
    dataset="cifar10",
    input_scale="unit",
    shuffle="epoch",
    batch_size=32,
    learning_rate=2e-4,
    adam_epsilon=1e-7,
)

#: Batch Normalization before or after ReLU6 in MobileNetV2 (iThome, 2021-10-10, TensorFlow 2): plain SGD,
#: glorot uniform kernels, BatchNormalization (momentum 0.99, epsilon 1e-3) as is Keras's default, images of
#: 224 x 224, 100 epochs. The text names neither data, learning rate, batch size nor the scale of the pixels.
#: Its accuracies (0.9942 in training; 0.8281 and 0.8203) are whole counts of 1,034 and of 128 images, which
#: are the splits of TFDS's beans, so that is taken for the data; the rate 0.1, batches of 32 and pixels 0..1
#: are chosen here. 10 epochs are what a first answer needs.
MOBILENET = Config(
    model="mobilenetv2",
    placement="all",
    order="before",
    activation="relu6",
    dataset="beans",
    image_size=224,
    input_scale="unit",
    shuffle="epoch",
    batch_size=32,
    optimizer="sgd",
    learning_rate=0.1,
)
#: The two networks of that experiment; and both with biases, which let a unit learn the threshold of its
#: ReLU6 where no norm stands before it.
MOBILENET_SWEEPS: dict[str, Conditions] = {
    "order": {order: {"placement": f"all:{order}"} for order in ("before", "after")},
    "order-bias": {
        f"{order}, {name}": {"placement": f"all:{order}", "conv_bias": conv_bias}
        for order in ("before", "after")
        for name, conv_bias in (("without biases", False), ("with biases", True))
    },
}

#: Fine-tuning InceptionV3 with the frozen part's BN trained or not (Qiita, 2019-07-21, Keras): ImageNet's
#: weights, head of 1024 units, the first 249 layers frozen, 10% of the images for validation. The text names
#: neither version, optimizer, size, scale, batch size nor epochs. Its code is that of Keras's documentation
#: ("Fine-tune InceptionV3 on a new set of classes"), so SGD(0.0001, momentum 0.9) is from there. Batches of
#: 32 are Keras's default, 299 pixels and -1..1 what the weights were trained with, 10 epochs chosen here. Its
#: 2,609 photographs of clothing are not public: any folder with a folder for each class takes their place,
#: and where no set is named cats_vs_dogs of TFDS, two classes of photographs too.
FINETUNE = Config(
    model="inceptionv3",
    placement="all",
    order="before",
    weights="imagenet",
    freeze_until="249",
    train_norms=True,
    head_width=1024,
    dataset="cats_vs_dogs",
    image_size=299,
    validation=0.1,
    input_scale="symmetric",
    shuffle="epoch",
    batch_size=32,
    optimizer="sgd",
    learning_rate=1e-4,
    momentum=0.9,
    evaluate_train=True,
)
#: The two cases of that experiment, and what TensorFlow 2 and Keras 3 make of the second one.
_FINETUNE_MODES: Conditions = {
    "BN trained": {"norm_mode": "train", "train_norms": True},
    "BN frozen": {"norm_mode": "frozen", "train_norms": False},
    "BN in inference mode": {"norm_mode": "inference", "train_norms": False},
}
#: ``separate`` takes apart what these mix: statistics used and updated, and scales and biases trained.
FINETUNE_SWEEPS: dict[str, Conditions] = {
    "modes": _FINETUNE_MODES,
    "separate": crossed(
        {mode: {"norm_mode": mode} for mode in ("train", "frozen", "inference")},
        {"affine trained": {"train_norms": True}, "affine frozen": {"train_norms": False}},
    ),
    "keras2": {
        "BN trained, Keras 2.2": {
            "norm_mode": "keras2-train",
            "trained_norm_mode": "keras2-train",
            "train_norms": True,
        },
        "BN frozen, Keras 2.2": {
            "norm_mode": "frozen",
            "trained_norm_mode": "keras2-train",
            "train_norms": False,
        },
    },
}

#: Code of the placement that the experiment's author chose in the end, and of the one without norms.
VGG7_PICK = "cBrcr-crcr-drdBr"
VGG7_PLAIN = plain_code(VGG7_SITES)


def _within(block: str) -> Iterator[Placement]:
    """VGG7 with norms before the activation in one block alone: none, the last unit's, the first's, both."""
    for placement in all_placements(VGG7_SITES):
        if all(placement[site.name] == "absent" for site in VGG7_SITES if site.block != block):
            yield placement


def _by_block_code(block: str) -> Conditions:
    """Named by the block's own part of the code, as in its author's figures: ``cBrcr``."""
    part = list(dict.fromkeys(site.block for site in VGG7_SITES)).index(block)
    codes = map(str, _within(block))
    return {code.split("-")[part]: {"placement": code} for code in codes}


def _by_code(*codes: str) -> Conditions:
    return {code: {"placement": code} for code in codes}


#: The three comparisons of the VGG7 experiment, block by block, and its author's choice.
_VGG7_GROUPS: dict[str, Conditions] = {
    **{block: _by_block_code(block) for block in ("block1", "block2", "fc")},
    "pick": _by_code(VGG7_PLAIN, VGG7_PICK),
}
#: Those comparisons, all of them at once, and every placement: norms before, and norms before or after.
VGG7_SWEEPS: dict[str, Conditions] = {
    **_VGG7_GROUPS,
    "groups": _by_code(*(s["placement"] for group in _VGG7_GROUPS.values() for s in group.values())),
    "grid": _by_code(*map(str, all_placements(VGG7_SITES))),
    "grid-orders": _by_code(*map(str, all_placements(VGG7_SITES, ("before", "after")))),
}

EXPERIMENTS = {"cifar10": CIFAR10, "mnist": MNIST, "vgg7": VGG7, "mobilenet": MOBILENET, "finetune": FINETUNE}
#: experiment -> sweep -> condition -> the settings that make it.
SWEEPS: dict[str, dict[str, Conditions]] = {
    "cifar10": {"conditions": CIFAR10_CONDITIONS},
    "mnist": MNIST_SWEEPS,
    "vgg7": VGG7_SWEEPS,
    "mobilenet": MOBILENET_SWEEPS,
    "finetune": FINETUNE_SWEEPS,
}


def recipe(experiment: str, name: str) -> Config:
    """The settings of an experiment's recipe: ``published`` or ``controlled``.

    Raises:
      KeyError: no experiment or no recipe has that name.
    """
    published = EXPERIMENTS[experiment]
    changes: dict[str, dict[str, Any]] = {"published": {}, "controlled": CONTROLLED}
    return dataclasses.replace(published, **changes[name])
