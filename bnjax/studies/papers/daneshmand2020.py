"""Daneshmand et al. 2020: without Batch Normalization the rank of random networks' features collapses."""

import math
from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, Contrast, claims_of, level, minus
from bnjax.studies.papers.initial import ANY_IMAGES, AT_FIRST
from bnjax.studies.study import Study, crossed

#: Narrow layers, and one batch that statistics and features are both of; a norm hands on to the next layer.
_RECIPE = Config(
    **AT_FIRST,
    model="mlp",
    hidden_layers=32,
    width=32,
    placement="dense",
    order="after",
    kernel_init="he_normal",
    norm_epsilon=1e-5,
    dataset="mnist",
    input_scale="standardize",
    train_images=128,
    test_images=128,
    batch_size=128,
    optimizer="sgd",
    probes="rank",
)
_BN, _NONE = "with BN", "without BN"
_BN_OR_NOT: Conditions = {_BN: {"placement": "dense"}, _NONE: {"placement": "none"}}
_DEPTHS: Conditions = {f"{depth} layers": {"hidden_layers": depth} for depth in (2, 8, 32)}
_RELU = crossed(_DEPTHS, _BN_OR_NOT)
#: A leaky ReLU of slope 1 is none. These kernels keep the variance of linear layers.
_LINEAR: Conditions = {
    name: {**settings, "activation": "leaky_relu", "negative_slope": 1.0, "kernel_init": "lecun_normal"}
    for name, settings in _RELU.items()
}
_WIDTHS: Conditions = {
    f"width {width}": {**_LINEAR[f"32 layers, {_BN}"], "width": width} for width in (16, 32, 64)
}
_RANK = "last_rank"
_SWEEPS: Mapping[str, Conditions] = {"relu": _RELU, "linear": _LINEAR, "width": _WIDTHS}

#: Where all of it stands.
_PLACE = "abstract; sections 3 and 4"
_claim = claims_of("daneshmand2020", _SWEEPS, epochs=1)


def _collapse() -> tuple[Contrast, ...]:
    return (
        level(f"32 layers, {_NONE}", _RANK, "lower", 2.0),
        minus(f"8 layers, {_NONE}", f"2 layers, {_NONE}", _RANK, "lower"),
        minus(f"32 layers, {_NONE}", f"8 layers, {_NONE}", _RANK, "lower"),
    )


def _kept() -> tuple[Contrast, ...]:
    return tuple(minus(f"{depth}, {_BN}", f"{depth}, {_NONE}", _RANK, "higher") for depth in _DEPTHS)


_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "collapse-linear",
        _PLACE,
        "Without BN a linear network's features lose rank with depth until they all but lie on a line.",
        *_collapse(),
        sweep="linear",
        note="rank as the paper bounds it, tr(K)^2 / ||K||^2; that 2 counts as a line is ours",
    ),
    _claim(
        "collapse-relu",
        _PLACE,
        "Without BN a ReLU network's features lose rank with depth until they all but lie on a line.",
        *_collapse(),
        sweep="relu",
    ),
    _claim(
        "kept-linear",
        _PLACE,
        "With BN a linear network's features keep more of their rank.",
        *_kept(),
        sweep="linear",
    ),
    _claim(
        "kept-relu",
        _PLACE,
        "With BN a ReLU network's features keep more of their rank.",
        *_kept(),
        sweep="relu",
    ),
    _claim(
        "bound",
        _PLACE,
        "With BN the rank of a linear network stays above a number of the order of the width's root.",
        *(level(f"width {width}", _RANK, "higher", round(math.sqrt(width), 3)) for width in (16, 32, 64)),
        minus("width 32", "width 16", _RANK, "higher"),
        minus("width 64", "width 32", _RANK, "higher"),
        sweep="width",
        note="at 32 layers; the paper's bound has a constant that it does not name, and ours is 1",
    ),
)

DANESHMAND2020 = Study(
    name="daneshmand2020",
    kind="paper",
    about="BN keeps the rank of deep random networks' features",
    question="Do features of deep random networks collapse to a line without Batch Normalization?",
    main_claim="daneshmand2020-kept-relu",
    title="Batch Normalization Provably Avoids Ranks Collapse for Randomly Initialised Deep Networks",
    author="Hadi Daneshmand and Jonas Kohler and Francis Bach and Thomas Hofmann and Aurelien Lucchi",
    place="NeurIPS",
    date="2020",
    link="https://arxiv.org/abs/2003.01652",
    ran="theory of linear networks, and the rank of random linear and ReLU networks of many depths and "
    "widths; training of deep networks whose rank was broken beforehand",
    published=_RECIPE,
    data=ANY_IMAGES,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Measures the rank of a deep MLP's features at initialisation, with norms or without; nothing is "
    "trained.",
    examples={
        "--dataset=digits --seeds=5": "the recipe, without a download",
        "--sweep=relu --seeds=10": "2, 8 and 32 layers, with BN and without",
    },
    same="random dense layers of equal width, linear or ReLU, BN by one batch, nothing trained",
    differs="32 layers at most; 128 images of MNIST; BN also subtracts means, which the theory leaves out; "
    "no residual branch, which the theory has; that a collapsed rank slows training is not tested",
)
