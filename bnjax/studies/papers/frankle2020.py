"""Frankle et al. 2020: a network of random kernels learns by the scales and biases of its norms alone."""

from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Conditions, Data, claims_of, level, minus
from bnjax.studies.study import Study

#: Momentum, rate and batches as theirs; digits, a shallow network and few epochs in place of days.
_RECIPE = Config(
    model="resnet",
    depth=14,
    placement="all",
    order="before",
    kernel_init="he_normal",
    norm_momentum=0.9,
    dataset="digits",
    image_size=8,
    input_scale="standardize",
    shuffle="epoch",
    batch_size=64,
    epochs=15,
    optimizer="momentum",
    learning_rate=0.1,
)
_NORMS, _AS_MANY, _ALL = "norms alone", "two weights a feature", "everything"
_TRAINED: Conditions = {
    _NORMS: {"trained": "norms"},
    _AS_MANY: {"trained": "two-weights"},
    _ALL: {"trained": "unfrozen"},
}
_SWEEPS: Mapping[str, Conditions] = {"trained": _TRAINED}
#: Percent of ten classes.
_CHANCE = 10.0
_claim = claims_of("frankle2020", _SWEEPS, epochs=15)

_CLAIMS = (
    _claim(
        "learns",
        "abstract; section 4, figure 2",
        "With only scales and biases of norms trained, and all else as it was drawn, a network is far "
        "more accurate than chance.",
        level(_NORMS, "last_tenth_accuracy", "higher", 2 * _CHANCE, published="82% (ResNet-866, CIFAR-10)"),
        note="far is twice as often right as chance, which is ours",
    ),
    _claim(
        "beats-as-many",
        "abstract; section 4, figure 2",
        "That is more accurate than with as many other parameters trained, two random weights of each "
        "feature.",
        minus(_NORMS, _AS_MANY, "last_tenth_accuracy", "higher"),
    ),
    _claim(
        "below-all",
        "section 4, figure 2",
        "It is less accurate than with everything trained.",
        minus(_NORMS, _ALL, "last_tenth_accuracy", "lower"),
    ),
)

FRANKLE2020 = Study(
    name="frankle2020",
    kind="paper",
    about="Training norms and only norms",
    question="What can a network learn by the scales and biases of its norms alone?",
    main_claim="frankle2020-beats-as-many",
    title="Training BatchNorm and Only BatchNorm: On the Expressive Power of Random Features in CNNs",
    author="Jonathan Frankle and David J. Schwab and Ari S. Morcos",
    place="ICLR 2021, arXiv",
    date="2020",
    link="https://arxiv.org/abs/2003.00152",
    ran="ResNets of up to 866 layers on CIFAR-10 and of up to 200 on ImageNet",
    published=_RECIPE,
    data=Data("any small images of ten classes", ("digits", "cifar10", "mnist"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains a small residual network whole, its norms alone, or as many weights of its kernels.",
    examples={
        "--trained=norms": "norms alone, a run",
        "--sweep=trained --seeds=5": "all three, as the claims need them",
    },
    same="a residual network with random kernels and random logits that are not trained; SGD at 0.1 with "
    "momentum",
    differs="14 layers and 15 epochs of 1,437 digits at 8 px; scales begin at 1 and not between 0 and "
    "1; what depth and width add is not tested, nor how many features are switched off",
)
