"""Wu and Johnson 2021: running statistics lag, more so with large batches; precise ones do not."""

import dataclasses
from collections.abc import Mapping

from bnjax.studies.claim import Claim, Conditions, Data, claims_of, level, minus
from bnjax.studies.papers.small import SMALL_MLP
from bnjax.studies.study import Study

#: The rate grows with the batch, as theirs does (Goyal et al. 2017).
_RATE, _SMALL, _LARGE = 0.02, 50, 500
_RECIPE = dataclasses.replace(
    SMALL_MLP,
    width=200,
    fresh_images=1000,
    dataset="cifar10",  # which so small a network does not learn by heart within a few epochs
    train_images=10_000,
    batch_size=_SMALL,
    epochs=20,
    optimizer="momentum",
    learning_rate=_RATE,
)
_FEW, _MANY = "small batches", "large batches"
_BATCHES: Conditions = {
    _FEW: {"batch_size": _SMALL},
    _MANY: {"batch_size": _LARGE, "learning_rate": _RATE * _LARGE / _SMALL},
}
_WHOLE = "whole batches"
_GROUPS: Conditions = {
    "groups of 2": {"bn_batch": "2"},
    "groups of 10": {"bn_batch": "10"},
    _WHOLE: {"bn_batch": "global"},
}
_SWEEPS: Mapping[str, Conditions] = {"batches": _BATCHES, "groups": _GROUPS}
_claim = claims_of("wu2021", _SWEEPS, epochs=20, least_seeds=6)

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "precise-better",
        "section 3, on precise statistics; figures of validation error over training",
        "While a network trains, precise statistics make it more accurate in evaluation than running ones.",
        level(_FEW, "fresh_gain", "higher"),
        level(_MANY, "fresh_gain", "higher"),
        note="precise: pooled over 1,000 training images after each epoch",
    ),
    _claim(
        "large-batches",
        "section 3, on large batches",
        "With large batches running statistics cost more of it.",
        minus(_MANY, _FEW, "fresh_gain", "higher"),
    ),
    _claim(
        "unsteady",
        "section 3, on large batches",
        "With large batches accuracy by running statistics jumps about more than by precise ones.",
        level(_MANY, "running_unsteadiness", "higher"),
    ),
    _claim(
        "alike-at-the-end",
        "section 3",
        "At the end of training, when weights hardly move, both are alike.",
        level(_FEW, "last_fresh_gain", "alike", margin=0.5),
        note="the rate does not fall here, as theirs does; the margin of half a point is ours",
    ),
    _claim(
        "small-groups",
        "section 4, on the size of the batch that statistics are of",
        "Normalised by statistics of very few images a network is less accurate in evaluation.",
        minus("groups of 2", _WHOLE, "last_tenth_accuracy", "lower"),
        minus("groups of 10", "groups of 2", "last_tenth_accuracy", "higher"),
        sweep="groups",
    ),
)

WU2021 = Study(
    name="wu2021",
    kind="paper",
    about="Running statistics lag, more so with large batches; precise ones do not",
    question="Do running statistics mislead evaluation, and do precise ones mend it?",
    main_claim="wu2021-precise-better",
    title='Rethinking "Batch" in BatchNorm',
    author="Yuxin Wu and Justin Johnson",
    place="arXiv",
    date="2021",
    link="https://arxiv.org/abs/2105.07576",
    ran="ResNets on ImageNet, detectors on COCO and retrieval of faces",
    published=_RECIPE,
    data=Data("any small images", ("cifar10", "mnist", "digits"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains three dense layers with small and large batches and reads them by running and by precise "
    "statistics.",
    examples={
        "--train_images=0 --test_images=0": "the recipe on all images",
        "--sweep=batches --seeds=8": "small and large batches, as the claims need them",
    },
    same="running statistics with momentum 0.9; precise ones of 1,000 images; rates in proportion to batches",
    differs="three dense layers of 200 on 10,000 images of CIFAR-10 for 20 epochs; batches of 50 and 500 in "
    "place of 256 and 8,192; one rate without warm-up or falls; statistics of evaluation batches, frozen "
    "norms, several domains and what leaks within a batch are not tested",
)
