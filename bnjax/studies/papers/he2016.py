"""He et al. 2016, Identity Mappings: norm and activation in front of the weights are best."""

from collections.abc import Mapping

from bnjax.architectures.resnet import RESIDUAL_BLOCKS
from bnjax.settings.config import Config
from bnjax.studies.claim import Conditions, Contrast, Data, claims_of, minus
from bnjax.studies.study import Study

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
    epochs=8,
    optimizer="momentum",
    learning_rate=0.1,
)
_ORDERS: Conditions = {name: {"residual_block": name} for name in RESIDUAL_BLOCKS}
#: Percent of test images wrong in table 2, ResNet-110.
_ERRORS = {
    "original": 6.61,
    "norm-after-sum": 8.17,
    "activation-before-sum": 7.84,
    "activation-first": 6.71,
    "preactivation": 6.37,
}
_BEST = "preactivation"
_SWEEPS: Mapping[str, Conditions] = {"orders": _ORDERS}


def _than(other: str) -> Contrast:
    gain = round(_ERRORS[other] - _ERRORS[_BEST], 2)
    return minus(
        _BEST, other, "last_tenth_accuracy", "higher", published=f"+{gain} points (ResNet-110, CIFAR-10)"
    )


_claim = claims_of("he2016", _SWEEPS, epochs=8)

_CLAIMS = (
    _claim(
        "preactivation",
        "section 4.1, table 2",
        "Full pre-activation is the most accurate of five orders.",
        *(_than(other) for other in RESIDUAL_BLOCKS if other != _BEST),
        note="the paper's differences are small even at 110 layers",
    ),
    _claim(
        "norm-after-sum",
        "section 4.1, table 2 and figure 6",
        "A norm behind the sum, which is no identity, makes it worse than the original.",
        minus(
            "norm-after-sum",
            "original",
            "last_tenth_accuracy",
            "lower",
            published="-1.56 points (ResNet-110)",
        ),
    ),
    _claim(
        "easier",
        "section 4.2, ease of optimisation",
        "Full pre-activation is easier to optimise than the original: its training loss is lower.",
        minus(_BEST, "original", "final_train_loss", "lower"),
        note="said of very deep networks, 1,001 layers; at 110 layers the paper sees little of it",
    ),
)

HE2016 = Study(
    name="he2016",
    kind="paper",
    about="Orders of norm, activation and sum in residual blocks",
    question="Where do norm and activation stand best in a residual block?",
    main_claim="he2016-preactivation",
    title="Identity Mappings in Deep Residual Networks",
    author="Kaiming He and Xiangyu Zhang and Shaoqing Ren and Jian Sun",
    place="ECCV",
    date="2016",
    link="https://arxiv.org/abs/1603.05027",
    ran="ResNet-110 and ResNet-164 on CIFAR-10, five orders; ResNets of up to 1,001 layers",
    published=_RECIPE,
    data=Data("any small images", ("digits", "cifar10", "mnist"), part=1000),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Trains a small residual network with five orders of norm, activation and sum.",
    examples={
        "--residual_block=preactivation": "one order, a run",
        "--sweep=orders --seeds=6": "the five orders, as the claims need them",
    },
    same="the five orders of figure 4; SGD at 0.1 with momentum",
    differs="14 layers and 8 epochs of 1,437 digits at 8 px; no decay, no fall of the rate, no "
    "augmentation; they tell medians of five runs",
)
