"""Hoffer et al. 2017: large batches generalise worse, and statistics of small groups mend part of it."""

import dataclasses
from collections.abc import Mapping

from bnjax.studies.claim import Conditions, Data, claims_of, minus
from bnjax.studies.papers.small import SMALL_MLP
from bnjax.studies.study import Study

#: The rate of small batches; large ones have its multiple by the root of their size (section 7).
_RATE, _SMALL, _LARGE = 0.05, 25, 400
_RECIPE = dataclasses.replace(
    SMALL_MLP,
    batch_size=_SMALL,
    epochs=20,
    optimizer="momentum",
    learning_rate=_RATE,
)
_IN_LARGE = {"batch_size": _LARGE, "learning_rate": _RATE * (_LARGE / _SMALL) ** 0.5}
_THREE: Conditions = {
    "small batches": {"batch_size": _SMALL},
    "large batches": _IN_LARGE,
    "large batches, small groups": {**_IN_LARGE, "bn_batch": str(_SMALL)},
}
_FEW, _MANY, _GROUPS = _THREE
_SWEEPS: Mapping[str, Conditions] = {"batches": _THREE}
_claim = claims_of("hoffer2017", _SWEEPS, epochs=20, least_seeds=6)


HOFFER2017 = Study(
    name="hoffer2017",
    kind="paper",
    about="Large batches generalise worse; statistics of small groups in them mend part of it",
    question="Do statistics of small groups recover what large batches lose?",
    main_claim="hoffer2017-groups",
    title="Train longer, generalize better: closing the generalization gap in large batch training of neural "
    "networks",
    author="Elad Hoffer and Itay Hubara and Daniel Soudry",
    place="NeurIPS 2017, arXiv",
    date="2017",
    link="https://arxiv.org/abs/1705.08741",
    ran="small and residual networks on MNIST, CIFAR-10, CIFAR-100 and ImageNet",
    published=_RECIPE,
    data=Data("any small images", ("mnist", "cifar10", "digits"), part=1000),
    sweeps=_SWEEPS,
    claims=(
        _claim(
            "large",
            "section 1; table 1",
            "In as many epochs a network is less accurate if batches are large than if they are small.",
            minus(_MANY, _FEW, "last_tenth_accuracy", "lower"),
        ),
        _claim(
            "groups",
            "section 4; table 1",
            "Normalised by statistics of small groups of each batch it is more accurate than by those of "
            "the whole.",
            minus(_GROUPS, _MANY, "last_tenth_accuracy", "higher"),
        ),
    ),
    does="Trains three dense layers with small batches, large ones, and large ones in small groups.",
    examples={
        "--train_images=0 --test_images=0": "the recipe on all images",
        "--sweep=batches --seeds=8": "all three, as the claims need them",
    },
    same="ghost groups of the small batch's size; rates by the root of the batch's size; as many epochs",
    differs="three dense layers of 100 on 3,000 images of MNIST for 20 epochs; batches of 25 and 400 in "
    "place of 128 and 4,096; one rate without falls; no gradient is clipped, and none trains longer",
)
