"""Ioffe and Szegedy 2015: with Batch Normalization fewer steps are needed, and inputs of layers stay put."""

from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Conditions, Data, claims_of, minus
from bnjax.studies.study import Study

#: The network of section 4.1, which leaves the learning rate and the deviation of the weights open. 100 steps
#: an epoch, so that it shows when a target is met.
_RECIPE = Config(
    model="mlp",
    hidden_layers=3,
    width=100,
    activation="sigmoid",
    placement="dense",
    order="before",
    kernel_init="gaussian",
    init_deviation=0.1,
    norm_momentum=0.9,
    dataset="mnist",
    input_scale="unit",
    shuffle="epoch",
    train_images=6000,
    test_images=2000,
    batch_size=60,
    epochs=30,
    optimizer="sgd",
    learning_rate=0.1,
    probes="dying,activations",
)
_BN, _NONE = "with BN", "without BN"
_BN_OR_NOT: Conditions = {_BN: {"placement": "dense"}, _NONE: {"placement": "none"}}
_SWEEPS: Mapping[str, Conditions] = {"bn-or-not": _BN_OR_NOT}
_claim = claims_of("ioffe2015", _SWEEPS, epochs=30)

_CLAIMS = (
    _claim(
        "fewer-steps",
        "section 4.1, figure 1a; section 4.2",
        "With BN a network meets the same accuracy in fewer steps.",
        minus(_BN, _NONE, "epochs_to_90", "lower"),
        note="the target of 90% is ours, for ImageNet theirs was that of the network without BN; both "
        "have one rate, which need not be the best of either",
    ),
    _claim(
        "more-accurate",
        "section 4.1, figure 1a",
        "With BN the test accuracy is higher.",
        minus(_BN, _NONE, "last_tenth_accuracy", "higher"),
    ),
    _claim(
        "stays-put",
        "section 4.1, figure 1b and 1c",
        "With BN the distribution of the inputs to the last hidden layer's sigmoids is much more stable.",
        minus(_BN, _NONE, "input_wandering", "lower"),
        note="measured as how far three percentiles travel from epoch to epoch, in parts of their distance; "
        "their figure shows one typical sigmoid",
    ),
)

IOFFE2015 = Study(
    name="ioffe2015",
    kind="paper",
    about="BN: fewer steps, and inputs of layers that stay put",
    question="Does a network with Batch Normalization train in fewer steps, and do inputs of its layers "
    "stay put?",
    main_claim="ioffe2015-fewer-steps",
    title="Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    author="Sergey Ioffe and Christian Szegedy",
    place="ICML",
    date="2015",
    link="https://arxiv.org/abs/1502.03167",
    ran="MNIST, three layers of 100 sigmoids, 50,000 steps; Inception on ImageNet",
    published=_RECIPE,
    data=Data("MNIST, 5,000 of its images or more", ("mnist",), part=5000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains the three layers of sigmoids of the paper's first experiment, with norms or without.",
    examples={
        "--train_images=0 --test_images=0": "the recipe on all images",
        "--sweep=bn-or-not --seeds=6": "both, as the claims need them",
    },
    same="MNIST, three layers of 100 sigmoids, BN before them, gaussian weights, batches of 60",
    differs="6,000 images and 3,000 steps; pixels 0 to 1, not binary; SGD at 0.1 and weights of "
    "deviation 0.1, which the paper does not tell; nothing of ImageNet",
)
