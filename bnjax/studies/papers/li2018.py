"""Li et al. 2018: dropout in front of a batch norm shifts the variance of its inputs in evaluation."""

import dataclasses
from collections.abc import Mapping

from bnjax.studies.claim import Conditions, Contrast, Data, claims_of, level, minus
from bnjax.studies.papers.small import SMALL_MLP
from bnjax.studies.study import Study, crossed

#: Dropout follows each hidden layer, so that it stands in front of the norm of the next one.
_RECIPE = dataclasses.replace(
    SMALL_MLP,
    batch_size=100,
    epochs=10,
    probes="dying,shift",
)
_BN, _NONE = "with BN", "without BN"
_BN_OR_NOT: Conditions = {_BN: {"placement": "dense"}, _NONE: {"placement": "none"}}
_DROPOUT: Conditions = {"dropout 0.5": {"dropout": 0.5}, "no dropout": {"dropout": 0.0}}
_FOUR = crossed(_BN_OR_NOT, _DROPOUT)
_BOTH, _BN_ALONE = f"{_BN}, dropout 0.5", f"{_BN}, no dropout"
_SWEEPS: Mapping[str, Conditions] = {"dropout": _FOUR}
_claim = claims_of("li2018", _SWEEPS, epochs=10, least_seeds=6)

_CLAIMS = (
    _claim(
        "shift",
        "section 3; figure 1",
        "Behind dropout the variance of a norm's input in evaluation is another than in training; without "
        "dropout it is the same.",
        minus(_BOTH, _BN_ALONE, "variance_shift", "lower"),
        level(_BN_ALONE, "variance_shift", "alike", 1.0, margin=0.02),
        note="the mean over the norms behind the first, which has no dropout in front; the margin is ours",
    ),
    _claim(
        "worse",
        "section 1, figure 1; section 4",
        "A network with BN is less accurate with dropout of 0.5 in front of its norms.",
        minus(
            _BOTH,
            _BN_ALONE,
            "last_tenth_accuracy",
            "lower",
            published="68.55% minus 77.42%: -8.87 points (DenseNet, CIFAR-100)",
        ),
    ),
    _claim(
        "disharmony",
        "abstract",
        "The two are worse together than what each does alone: what dropout costs with BN is more than what "
        "it costs without.",
        Contrast(
            "what dropout adds with BN, minus what it adds without",
            dict(zip(_FOUR, (1.0, -1.0, -1.0, 1.0), strict=True)),
            "last_tenth_accuracy",
            "lower",
        ),
        note="our reading of disharmony; their networks are not trained without BN, and in 10 epochs dropout "
        "mostly slows one that has none",
    ),
)

LI2018 = Study(
    name="li2018",
    kind="paper",
    about="Dropout in front of BN shifts its variance in evaluation",
    question="Do dropout and Batch Normalization harm each other?",
    main_claim="li2018-worse",
    title="Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift",
    author="Xiang Li and Shuo Chen and Xiaolin Hu and Jian Yang",
    place="CVPR 2019, arXiv",
    date="2018",
    link="https://arxiv.org/abs/1801.05134",
    ran="PreResNet, ResNeXt, WideResNet and DenseNet on CIFAR-10 and CIFAR-100",
    published=_RECIPE,
    data=Data("any small images", ("mnist", "cifar10", "digits"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains three dense layers with and without norms and dropout in front of them.",
    examples={
        "--train_images=0 --test_images=0": "the recipe on all images",
        "--sweep=dropout --seeds=8": "all four, as the claims need them",
    },
    same="dropout of 0.5 in front of every norm but the first; variance in evaluation against training",
    differs="three dense layers of 100 on 3,000 images of MNIST in place of deep convolutional networks on "
    "CIFAR; dropout between all layers, not in a bottleneck; Adam; their remedies are not tested",
)
