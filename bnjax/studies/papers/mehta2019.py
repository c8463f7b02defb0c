"""Mehta et al. 2019: with BN and ReLU, Adam with a decay leaves features that answer to nothing."""

import dataclasses
from collections.abc import Mapping

from bnjax.studies.claim import Conditions, Data, claims_of, level, minus
from bnjax.studies.papers.small import SMALL_MLP
from bnjax.studies.study import Study

#: The decay is an L2 penalty on all parameters, scales of norms among them, as in PyTorch where nothing is
#: said.
_RECIPE = dataclasses.replace(
    SMALL_MLP,
    batch_size=50,
    epochs=50,
    weight_decay=1e-3,
    decay_all=True,
    adam_decay="gradient",
)
_ADAM, _SGD, _WITHOUT, _FAST = (
    "Adam, decay",
    "momentum, decay",
    "Adam, no decay",
    "momentum at rate 1, no decay",
)
_OPTIMIZERS: Conditions = {
    _ADAM: {"optimizer": "adam", "learning_rate": 0.001},
    _SGD: {"optimizer": "momentum", "learning_rate": 0.01},
    _WITHOUT: {"optimizer": "adam", "learning_rate": 0.001, "weight_decay": 0.0},
    _FAST: {"optimizer": "momentum", "learning_rate": 1.0, "weight_decay": 0.0},
}
_SWEEPS: Mapping[str, Conditions] = {"optimizers": _OPTIMIZERS}
_claim = claims_of("mehta2019", _SWEEPS, epochs=50, least_seeds=6)

_CLAIMS = (
    _claim(
        "adam-sparser",
        "section 2",
        "With BN, ReLU and an L2 penalty, Adam leaves more features that answer to no image than SGD does.",
        minus(_ADAM, _SGD, "last_silent", "higher"),
        note="features that no test image activates; theirs are counted on training images",
    ),
    _claim(
        "decay",
        "section 2",
        "Without the penalty there are fewer.",
        minus(_WITHOUT, _ADAM, "last_silent", "lower"),
    ),
    _claim(
        "accuracy",
        "section 2",
        "The sparser network is about as accurate.",
        minus(_ADAM, _SGD, "last_tenth_accuracy", "alike", margin=1.0),
        note="the margin is ours",
    ),
    _claim(
        "units-die",
        "section 1, on dying ReLUs",
        "Units of a network with BN can die: with a decay that acts on scales, or at a large rate.",
        level(_ADAM, "last_silent", "higher", 0.5),
        level(_FAST, "last_silent", "higher", 0.5),
        note="the other side of the sentence that with BN no unit dies (see mnist-no-unit-dies); the "
        "paper speaks of Adam with a decay, the large rate is ours",
    ),
)

MEHTA2019 = Study(
    name="mehta2019",
    kind="paper",
    about="BN, ReLU and Adam with a decay make sparse features",
    question="Do units of a network with Batch Normalization stop answering?",
    main_claim="mehta2019-adam-sparser",
    title="On Implicit Filter Level Sparsity in Convolutional Neural Networks",
    author="Dushyant Mehta and Kwang In Kim and Christian Theobalt",
    place="CVPR",
    date="2019",
    link="https://arxiv.org/abs/1811.12495",
    ran="a convolutional network of seven layers on CIFAR-10 and CIFAR-100, and larger ones",
    published=_RECIPE,
    data=Data("any small images", ("mnist", "cifar10", "digits"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains dense layers with norms by Adam and by momentum, with an L2 penalty on all parameters "
    "or none.",
    examples={
        "--optimizer=momentum --learning_rate=0.01": "by momentum, a run",
        "--sweep=optimizers --seeds=8": "all four, as the claims need them",
    },
    same="BN before ReLU; Adam and momentum; an L2 penalty of 0.001 on all parameters",
    differs="units of three dense layers of 100 in place of convolutional filters, 3,000 images of "
    "MNIST, 50 epochs and no fall of the learning rate",
)
