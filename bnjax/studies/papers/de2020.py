"""De and Smith 2020: Batch Normalization makes residual branches small beside their shortcuts."""

from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, claims_of, level, minus
from bnjax.studies.papers.initial import ANY_IMAGES, AT_FIRST
from bnjax.studies.study import Study, crossed

_RECIPE = Config(
    **AT_FIRST,
    model="resnet",
    depth=20,
    residual_block="preactivation",
    placement="all",
    order="before",
    kernel_init="he_normal",
    norm_epsilon=1e-5,
    dataset="cifar10",
    input_scale="standardize",
    train_images=64,
    test_images=64,
    batch_size=64,
    optimizer="sgd",
    probes="branches",
)
_BN, _NONE = "with BN", "without BN"
_BN_OR_NOT: Conditions = {_BN: {"placement": "all"}, _NONE: {"placement": "none"}}
_DEPTHS: Conditions = {f"depth {depth}": {"depth": depth} for depth in (14, 20, 32)}
_DEEP = crossed(_DEPTHS, _BN_OR_NOT)
_SHARE, _GROWTH = "branch_share", "sum_growth"
_SWEEPS: Mapping[str, Conditions] = {"depth": _DEEP}
_claim = claims_of("de2020", _SWEEPS, epochs=1)

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "downscaled",
        "abstract; section 2",
        "With BN residual branches add a smaller share of the variance than without.",
        *(minus(f"{depth}, {_BN}", f"{depth}, {_NONE}", _SHARE, "lower") for depth in _DEPTHS),
        note="share: of the last block's branch in branch and shortcut together",
    ),
    _claim(
        "depth",
        "abstract; section 2",
        "With BN that share falls with the depth of the network, as one over the number of blocks.",
        minus(f"depth 20, {_BN}", f"depth 14, {_BN}", _SHARE, "lower"),
        minus(f"depth 32, {_BN}", f"depth 20, {_BN}", _SHARE, "lower"),
        note="that it falls is tested, not how fast: shortcuts here lose half of their variance where a "
        "stage begins",
    ),
    _claim(
        "equal",
        "section 2",
        "Without BN branch and shortcut have equal shares at any depth.",
        *(level(f"{depth}, {_NONE}", _SHARE, "alike", 50.0, margin=10.0) for depth in _DEPTHS),
        note="the margin is ours",
    ),
    _claim(
        "doubles",
        "section 2",
        "Without BN the variance doubles in each block; with BN it grows far less.",
        *(minus(f"{depth}, {_BN}", f"{depth}, {_NONE}", _GROWTH, "lower") for depth in _DEPTHS),
        level(f"depth 32, {_NONE}", _GROWTH, "alike", 2.0, margin=0.4, published="2", size=(2.0, 2.0)),
        note="factor by which the sum of the blocks within a stage grows from each to the next; margin ours",
    ),
)

DE2020 = Study(
    name="de2020",
    kind="paper",
    about="BN makes residual branches small beside their shortcuts",
    question="Does Batch Normalization shrink residual branches, the more the deeper a network is?",
    main_claim="de2020-downscaled",
    title="Batch Normalization Biases Residual Blocks Towards the Identity Function in Deep Networks",
    author="Soham De and Samuel L. Smith",
    place="NeurIPS",
    date="2020",
    link="https://arxiv.org/abs/2002.10444",
    ran="theory of residual networks at initialisation, variances of branches and shortcuts in deep ones, "
    "and training of wide residual networks on CIFAR-10 and ResNet-50 on ImageNet, with BN and without",
    published=_RECIPE,
    data=ANY_IMAGES,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Measures residual branches beside their shortcuts at initialisation; nothing is trained.",
    examples={
        "--dataset=digits --depth=8 --seeds=3": "three blocks, without a download",
        "--sweep=depth --seeds=10": "14, 20 and 32 layers, with BN and without",
    },
    same="convolutional residual networks whose branches begin with BN and ReLU, kernels of He et al. "
    "2015, one batch of CIFAR-10, nothing trained",
    differs="15 blocks at most, of 16 to 64 features, 64 images (CIFAR-10 as JPEG where its file says so); "
    "the first block has one norm for both ways; SkipInit, and how deep a network can be trained, are not "
    "tested",
)
