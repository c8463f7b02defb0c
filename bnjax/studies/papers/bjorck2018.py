"""Bjorck et al. 2018: what Batch Normalization gains is gained by the larger rates that it allows."""

from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Conditions, Data, claims_of, minus
from bnjax.studies.study import Study, crossed

#: Biases in the convolutions, so that the network without norms has some. The rates are a hundredfold apart:
#: the usual one of residual networks, and one that is small for them.
_RECIPE = Config(
    model="resnet",
    depth=14,
    conv_bias=True,
    placement="all",
    order="before",
    kernel_init="he_normal",
    norm_momentum=0.9,
    dataset="digits",
    image_size=8,
    input_scale="standardize",
    shuffle="epoch",
    batch_size=32,
    epochs=12,
    optimizer="momentum",
    learning_rate=0.1,
)
_BN_OR_NOT: Conditions = {"with BN": {"placement": "all"}, "without BN": {"placement": "none"}}
_RATES: Conditions = {f"rate {rate}": {"learning_rate": rate} for rate in (0.001, 0.1)}
_FOUR = crossed(_RATES, _BN_OR_NOT)
_SLOW_BN, _SLOW, _FAST_BN, _FAST = _FOUR
_SWEEPS: Mapping[str, Conditions] = {"rates": _FOUR}
_READING = "last_tenth_accuracy"
_claim = claims_of("bjorck2018", _SWEEPS, epochs=12)

_CLAIMS = (
    _claim(
        "larger-rates",
        "section 3, figure 1",
        "At a large learning rate the network trains with BN and does not without.",
        minus(_FAST_BN, _FAST, _READING, "higher", against=20.0),
        note="a run that diverges is right about nothing; 20 points are ours",
    ),
    _claim(
        "no-gain-at-small-rates",
        "section 3, figure 1",
        "At a small rate, at which the network trains without BN, the gain by BN nearly vanishes.",
        minus(_SLOW_BN, _SLOW, _READING, "not higher", margin=2.0),
        note="nearly is 2 points, which is ours; how much it may lose is left open",
    ),
    _claim(
        "gain-by-rates",
        "abstract; section 3",
        "With BN the larger rate makes the network more accurate.",
        minus(_FAST_BN, _SLOW_BN, _READING, "higher"),
    ),
)

BJORCK2018 = Study(
    name="bjorck2018",
    kind="paper",
    about="BN gains by the larger learning rates that it allows",
    question="Is a larger learning rate what Batch Normalization gains by?",
    main_claim="bjorck2018-larger-rates",
    title="Understanding Batch Normalization",
    author="Johan Bjorck and Carla Gomes and Bart Selman and Kilian Q. Weinberger",
    place="NeurIPS",
    date="2018",
    link="https://arxiv.org/abs/1806.02375",
    ran="ResNet-110 on CIFAR-10, 165 epochs",
    published=_RECIPE,
    data=Data("any small images", ("digits", "cifar10", "mnist"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains a small residual network at a small and a large learning rate, with norms or without.",
    examples={
        "--placement=none --learning_rate=0.01": "a rate between, without norms",
        "--sweep=rates --seeds=5": "all four, as the claims need them",
    },
    same="a residual network; SGD with momentum 0.9 at the usual rate of 0.1, and at a small one",
    differs="14 layers and 12 epochs of 1,437 digits at 8 px; the small rate is 0.001, where the 110 "
    "layers needed 0.0001; no decay, no fall of the rate, no augmentation",
)
