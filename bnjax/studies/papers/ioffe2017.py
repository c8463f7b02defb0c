"""Ioffe 2017: batches of few classes mislead batch norms in evaluation, and batch renorm much less."""

import dataclasses
from collections.abc import Mapping

from bnjax.studies.claim import Conditions, Data, claims_of, minus
from bnjax.studies.papers.small import SMALL_MLP
from bnjax.studies.study import Study, crossed

_RECIPE = dataclasses.replace(
    SMALL_MLP,
    hidden_layers=2,
    renorm_steps=60,
    batch_size=50,
    epochs=10,
    optimizer="sgd",
    learning_rate=0.05,
)
_MIXED, _SORTED = "mixed batches", "sorted by class"
_NORMS: Conditions = {"BN": {"norm": "batch"}, "renorm": {"norm": "renorm"}}
_BATCHES: Conditions = {_MIXED: {"batches": "mixed"}, _SORTED: {"batches": "sorted"}}
_FOUR = crossed(_NORMS, _BATCHES)
_BN, _BN_SORTED, _RENORM, _RENORM_SORTED = _FOUR
_SWEEPS: Mapping[str, Conditions] = {"batches": _FOUR}
_claim = claims_of("ioffe2017", _SWEEPS, epochs=10, least_seeds=6)


IOFFE2017 = Study(
    name="ioffe2017",
    kind="paper",
    about="Batches of few classes mislead BN in evaluation, and renorm much less",
    question="Does Batch Renormalization mend what batches of few classes do to Batch Normalization?",
    main_claim="ioffe2017-renorm",
    title="Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models",
    author="Sergey Ioffe",
    place="NeurIPS 2017, arXiv",
    date="2017",
    link="https://arxiv.org/abs/1702.03275",
    ran="Inception-v3 on ImageNet",
    published=_RECIPE,
    data=Data("any small images", ("mnist", "cifar10", "digits"), part=1000),
    sweeps=_SWEEPS,
    claims=(
        _claim(
            "sorted",
            "section 4.3",
            "Where a batch's images are not independent, a network with BN is less accurate in tests.",
            minus(_BN_SORTED, _BN, "last_tenth_accuracy", "lower"),
            note="sorted by class: each batch from one or two; the paper draws two images of each of 16",
        ),
        _claim(
            "renorm",
            "section 4.3",
            "With such batches a network with Batch Renormalization is more accurate than one with BN.",
            minus(_RENORM_SORTED, _BN_SORTED, "last_tenth_accuracy", "higher"),
        ),
        _claim(
            "baseline",
            "section 4.1",
            "With batches of independent images it is as accurate as one with BN.",
            minus(_RENORM, _BN, "last_tenth_accuracy", "alike", margin=0.5),
            note="the margin of half a point is ours",
        ),
    ),
    does="Trains two dense layers with BN and with Batch Renormalization on mixed and on sorted batches.",
    examples={
        "--train_images=0 --test_images=0": "the recipe on all images",
        "--sweep=batches --seeds=8": "all four, as the claims need them",
    },
    same="batches that are not of independent images, the test is; limits of 3 and 5 that open over steps",
    differs="two dense layers of 100 on 3,000 images of MNIST in place of Inception-v3 on ImageNet; batches "
    "are sorted by class, which is harsher; limits open over the first epoch; plain SGD",
)
