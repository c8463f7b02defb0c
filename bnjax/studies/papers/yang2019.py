"""Yang et al. 2019: Batch Normalization makes gradients explode with depth, at initialisation."""

import math
from collections.abc import Mapping
from typing import Any

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, claims_of, level, minus
from bnjax.studies.papers.initial import ANY_IMAGES, AT_FIRST
from bnjax.studies.study import Study, crossed

#: Wide layers and one batch of many images, as in the theory; norms before the activation, as there.
_RECIPE = Config(
    **AT_FIRST,
    model="mlp",
    hidden_layers=20,
    width=256,
    placement="dense",
    order="before",
    kernel_init="he_normal",
    norm_epsilon=1e-5,
    dataset="mnist",
    input_scale="standardize",
    train_images=512,
    test_images=128,
    batch_size=512,
    optimizer="sgd",
    probes="gradients",
)
_BN, _NONE = "with BN", "without BN"
_BN_OR_NOT: Conditions = {_BN: {"placement": "dense"}, _NONE: {"placement": "none"}}
_DEPTHS: Conditions = {f"{depth} layers": {"hidden_layers": depth} for depth in (10, 20, 40)}
_DEEP = crossed(_DEPTHS, _BN_OR_NOT)
#: He et al.'s deviation at this width is 0.088.
_DEVIATIONS: Conditions = {
    f"deviation {deviation}": {"kernel_init": "gaussian", "init_deviation": deviation}
    for deviation in (0.03, 0.1, 0.3)
}
_ACTIVATIONS: Conditions = {name: {"activation": name} for name in ("relu", "tanh", "elu", "gelu")}
_SLOPES: Conditions = {
    f"slope {slope}": {"activation": "leaky_relu", "negative_slope": slope} for slope in (0.0, 0.5, 0.9)
}
_STEPS: Conditions = {"at first": {}, "after a step": {"learning_rate": 0.1}}
#: Of the squared norm pi / (pi - 1), as batches and layers grow.
_RATE = math.sqrt(math.pi / (math.pi - 1))
_GROWTH = "gradient_growth"


_SWEEPS: Mapping[str, Conditions] = {
    "depth": _DEEP,
    "deviations": _DEVIATIONS,
    "activations": _ACTIVATIONS,
    "slopes": _SLOPES,
    "step": _STEPS,
}
_claim = claims_of("yang2019", _SWEEPS, epochs=1)
_AT_40: dict[str, Any] = {"published": "sqrt(pi / (pi - 1)) = 1.211", "size": (_RATE, _RATE)}

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "explode",
        "abstract; section 3",
        "With BN gradients grow exponentially from the last layer to the first: by the same factor in each.",
        *(level(f"{depth}, {_BN}", _GROWTH, "higher", 1.0) for depth in _DEPTHS),
        minus(f"40 layers, {_BN}", f"20 layers, {_BN}", _GROWTH, "alike", margin=0.05),
        sweep="depth",
        note="that the factor is alike at 20 and 40 layers is our reading of exponential",
    ),
    _claim(
        "cause",
        "abstract",
        "BN itself is the cause: gradients grow more with it than without.",
        *(minus(f"{depth}, {_BN}", f"{depth}, {_NONE}", _GROWTH, "higher") for depth in _DEPTHS),
        sweep="depth",
        note="without BN kernels have the deviation of He et al. 2015, which keeps gradients level",
    ),
    _claim(
        "rate",
        "section 3, ReLU as batches grow",
        "With ReLU the squared norm grows by pi / (pi - 1) in each layer.",
        level(f"40 layers, {_BN}", _GROWTH, "alike", round(_RATE, 4), margin=0.03, **_AT_40),
        sweep="depth",
        note="a limit of wide layers and large batches; here 256 units and 512 images; the margin is ours",
    ),
    _claim(
        "variance",
        "abstract",
        "No variance of the initial weights removes it.",
        *(level(deviation, _GROWTH, "higher", 1.0) for deviation in _DEVIATIONS),
        sweep="deviations",
    ),
    _claim(
        "activation",
        "abstract",
        "No other activation removes it.",
        *(level(activation, _GROWTH, "higher", 1.0) for activation in _ACTIVATIONS if activation != "relu"),
        sweep="activations",
    ),
    _claim(
        "linear",
        "abstract",
        "Nearer to linear layers it grows less.",
        minus("slope 0.5", "slope 0.0", _GROWTH, "lower"),
        minus("slope 0.9", "slope 0.5", _GROWTH, "lower"),
        sweep="slopes",
        note="nearness by the slope of a leaky ReLU; the paper has tanh with small scales in its norms",
    ),
    _claim(
        "one-step",
        "abstract",
        "After a single step gradients differ far less between layers.",
        minus("after a step", "at first", "gradient_range", "lower"),
        sweep="step",
        note="one step of SGD at rate 0.1, 20 layers; range: the largest norm over the smallest, in decades",
    ),
)

YANG2019 = Study(
    name="yang2019",
    kind="paper",
    about="BN makes gradients explode with depth at initialisation",
    question="Does Batch Normalization make gradients explode with depth?",
    main_claim="yang2019-explode",
    title="A Mean Field Theory of Batch Normalization",
    author="Greg Yang and Jeffrey Pennington and Vinay Rao and Jascha Sohl-Dickstein and Samuel Schoenholz",
    place="ICLR",
    date="2019",
    link="https://arxiv.org/abs/1902.08129",
    ran="theory of wide fully connected networks, held against such networks at initialisation and, "
    "trained, on MNIST and CIFAR-10",
    published=_RECIPE,
    data=ANY_IMAGES,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Measures the gradients of a deep MLP at initialisation, with norms or without; nothing is trained.",
    examples={
        "--dataset=digits --seeds=5": "the recipe, without a download",
        "--sweep=depth --seeds=10": "10, 20 and 40 layers, with BN and without",
    },
    same="dense layers of equal width, BN before ReLU, random kernels, gradients of one batch, nothing "
    "trained",
    differs="40 layers at most; 256 units and 512 images of MNIST where the theory takes limits; gradients "
    "of kernels in place of those of layers' inputs, which grow alike; how deep a network can be trained "
    "is not tested",
)
