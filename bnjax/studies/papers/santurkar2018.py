"""Santurkar et al. 2018: not less covariate shift, but a smoother landscape is what BN brings."""

import dataclasses
from collections.abc import Mapping

from bnjax.studies.claim import Conditions, Data, claims_of, minus
from bnjax.studies.papers.small import SMALL_MLP
from bnjax.studies.study import Study

_RECIPE = dataclasses.replace(
    SMALL_MLP,
    hidden_layers=6,
    batch_size=100,
    epochs=10,
    optimizer="sgd",
    learning_rate=0.1,
    probes="dying,covariate-shift,landscape",
)
_BN, _NONE, _NOISY = "with BN", "without BN", "with noisy BN"
_THREE: Conditions = {
    _BN: {"placement": "dense"},
    _NONE: {"placement": "none"},
    _NOISY: {"placement": "dense", "norm_noise": 1.0},
}
_SWEEPS: Mapping[str, Conditions] = {"noise": _THREE}
_claim = claims_of("santurkar2018", _SWEEPS, epochs=10, least_seeds=6)

_CLAIMS = (
    _claim(
        "faster",
        "section 2, figure 1",
        "With BN training is faster.",
        minus(_BN, _NONE, "early_train_loss", "lower"),
        note="read as the training loss of the first fifth of the epochs; both have one rate",
    ),
    _claim(
        "noise",
        "section 2.1, figure 2",
        "With noise behind BN, which makes the distributions of inputs shift from step to step, training "
        "is still faster than without BN.",
        minus(_NOISY, _NONE, "early_train_loss", "lower"),
        note="that the noise shifts distributions is its definition, and not measured; noise is in "
        "training alone",
    ),
    _claim(
        "shift",
        "section 2.2, figure 3",
        "BN does not reduce internal covariate shift, read as the change of a layer's gradient when the "
        "layers below have moved: its cosine is not higher with BN.",
        minus(_BN, _NONE, "gradient_cosine", "not higher", margin=0.02),
        note="mean over layers and epochs; the margin is ours",
    ),
    _claim(
        "smoother-loss",
        "section 3.1, figure 4a",
        "Along the gradient the loss varies less with BN.",
        minus(_BN, _NONE, "loss_range", "lower"),
        note="mean over epochs; steps of 0.05 to 0.4 times the gradient",
    ),
    _claim(
        "smoother-gradient",
        "section 3.1, figure 4b and 4c",
        "Along the gradient the gradient changes less with BN.",
        minus(_BN, _NONE, "smoothness", "lower"),
        note="as above; effective beta-smoothness, the largest change over the length of its step",
    ),
)

SANTURKAR2018 = Study(
    name="santurkar2018",
    kind="paper",
    about="BN smooths the landscape; covariate shift is not the point",
    question="Does Batch Normalization train faster because inputs shift less?",
    main_claim="santurkar2018-noise",
    title="How Does Batch Normalization Help Optimization?",
    author="Shibani Santurkar and Dimitris Tsipras and Andrew Ilyas and Aleksander Madry",
    place="NeurIPS",
    date="2018",
    link="https://arxiv.org/abs/1805.11604",
    ran="VGG on CIFAR-10 and a linear network of 25 layers",
    published=_RECIPE,
    data=Data("any small images", ("mnist", "cifar10", "digits"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains six dense layers without norms, with them, and with noise behind them.",
    examples={
        "--norm_noise=2": "twice the noise",
        "--sweep=noise --seeds=8": "all three, as the claims need them",
    },
    same="noise with a shift up to 0.5 and a factor up to 1.25, drawn anew in every step for each "
    "feature; SGD without momentum; their measures of shift and of the landscape",
    differs="six dense layers of 100 on 3,000 images of MNIST in place of VGG on CIFAR-10; probes look "
    "once an epoch, not at every step",
)
