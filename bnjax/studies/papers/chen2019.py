"""Chen et al. 2019: norm and dropout together in front of each layer's weights, behind the ReLU."""

import dataclasses
from collections.abc import Mapping

from bnjax.studies.claim import Conditions, Data, claims_of, minus
from bnjax.studies.papers.small import SMALL_MLP
from bnjax.studies.study import Study

#: A unit's dropout is its last part, so order ``after`` is ReLU, BN, dropout, and then the next layer's
#: weights.
_RECIPE = dataclasses.replace(
    SMALL_MLP,
    width=128,
    order="after",
    dropout=0.05,
    dataset="cifar10",
    train_images=2000,
    batch_size=50,
    epochs=10,
)
_IC, _USUAL, _USUAL_DROPOUT = "ReLU, BN, dropout", "BN, ReLU", "BN, ReLU, dropout"
_ORDERS: Conditions = {
    _IC: {"placement": "dense:after", "dropout": 0.05},
    _USUAL: {"placement": "dense:before", "dropout": 0.0},
    _USUAL_DROPOUT: {"placement": "dense:before", "dropout": 0.05},
}
_SWEEPS: Mapping[str, Conditions] = {"orders": _ORDERS}
_claim = claims_of("chen2019", _SWEEPS, epochs=10, least_seeds=6)

_CLAIMS = (
    _claim(
        "better-limit",
        "abstract; section 4",
        "With BN and dropout in front of each layer's weights the network becomes more accurate than "
        "with BN in front of the ReLU.",
        minus(_IC, _USUAL, "last_tenth_accuracy", "higher"),
    ),
    _claim(
        "faster",
        "abstract; section 4",
        "It converges faster.",
        minus(_IC, _USUAL, "early_accuracy", "higher"),
        note="read as the test accuracy of the first fifth of the epochs",
    ),
    _claim(
        "steadier",
        "abstract; section 4",
        "It trains more steadily.",
        minus(_IC, _USUAL, "unsteadiness", "lower"),
        note="read as how far the test accuracy moves from epoch to epoch in the second half",
    ),
    _claim(
        "not-before-relu",
        "abstract",
        "BN should not stand in front of the ReLU: with the same dropout it is less accurate there.",
        minus(_IC, _USUAL_DROPOUT, "last_tenth_accuracy", "higher"),
        note="the same dropout in both is ours, so that the order alone differs",
    ),
)

CHEN2019 = Study(
    name="chen2019",
    kind="paper",
    about="ReLU, BN, dropout, and then the weights",
    question="Should norm and dropout stand together in front of the weights?",
    main_claim="chen2019-better-limit",
    title="Rethinking the Usage of Batch Normalization and Dropout in the Training of Deep Neural Networks",
    author="Guangyong Chen and Pengfei Chen and Yujun Shi and Chang-Yu Hsieh and Benben Liao and Shengyu "
    "Zhang",
    place="arXiv",
    date="2019",
    link="https://arxiv.org/abs/1905.05928",
    ran="ResNets on CIFAR-10, CIFAR-100 and ImageNet",
    published=_RECIPE,
    data=Data("any small images", ("mnist", "cifar10", "digits"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains dense layers with norm and dropout in front of the weights, or with the norm in front "
    "of the ReLU.",
    examples={
        "--train_images=0 --test_images=0": "the recipe on all images",
        "--sweep=orders --seeds=8": "the three orders, as the claims need them",
    },
    same="the order ReLU, BN, dropout, weights; a small rate of dropout; CIFAR-10",
    differs="three dense layers of 128 and 2,000 images in place of ResNets and all of them; 10 epochs "
    "of Adam; the rate of 0.05 is ours",
)
