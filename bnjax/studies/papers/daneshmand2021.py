"""Daneshmand et al. 2021: Batch Normalization makes the images of a batch orthogonal, layer by layer."""

from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, claims_of, minus
from bnjax.studies.papers.initial import ANY_IMAGES, AT_FIRST
from bnjax.studies.study import Study, crossed

#: Linear layers, which a leaky ReLU of slope 1 makes, wider than the one batch has images.
_RECIPE = Config(
    **AT_FIRST,
    model="mlp",
    hidden_layers=16,
    width=256,
    placement="dense",
    order="after",
    activation="leaky_relu",
    negative_slope=1.0,
    kernel_init="lecun_normal",
    norm_epsilon=1e-5,
    dataset="mnist",
    input_scale="standardize",
    train_images=32,
    test_images=32,
    batch_size=32,
    optimizer="sgd",
    probes="rank",
)
_BN, _NONE = "with BN", "without BN"
_BN_OR_NOT: Conditions = {_BN: {"placement": "dense"}, _NONE: {"placement": "none"}}
_DEPTHS: Conditions = {f"{depth} layers": {"hidden_layers": depth} for depth in (2, 6, 16)}
_DEEP = crossed(_DEPTHS, _BN_OR_NOT)
_WIDTHS: Conditions = {f"width {width}": {"width": width} for width in (64, 256, 1024)}
_GAP = "last_gap"
_SWEEPS: Mapping[str, Conditions] = {"depth": _DEEP, "width": _WIDTHS}
_claim = claims_of("daneshmand2021", _SWEEPS, epochs=1)

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "falls",
        "abstract; section 3",
        "With BN the images of a batch become more orthogonal with depth.",
        minus(f"6 layers, {_BN}", f"2 layers, {_BN}", _GAP, "lower"),
        minus(f"16 layers, {_BN}", f"6 layers, {_BN}", _GAP, "lower"),
        sweep="depth",
    ),
    _claim(
        "width",
        "abstract; section 3",
        "What is left of the gap in deep networks is the smaller the wider their layers are.",
        minus("width 256", "width 64", _GAP, "lower"),
        minus("width 1024", "width 256", _GAP, "lower"),
        sweep="width",
        note="at 16 layers",
    ),
    _claim(
        "without",
        "section 3, figure of depth",
        "Without BN the images do not become orthogonal: the gap grows with depth.",
        minus(f"6 layers, {_NONE}", f"2 layers, {_NONE}", _GAP, "higher"),
        minus(f"16 layers, {_NONE}", f"6 layers, {_NONE}", _GAP, "higher"),
        sweep="depth",
    ),
)

DANESHMAND2021 = Study(
    name="daneshmand2021",
    kind="paper",
    about="BN makes the images of a batch orthogonal with depth",
    question="Does Batch Normalization make images orthogonal, layer by layer?",
    main_claim="daneshmand2021-falls",
    title="Batch Normalization Orthogonalizes Representations in Deep Random Networks",
    author="Hadi Daneshmand and Amir Joudaki and Francis Bach",
    place="NeurIPS",
    date="2021",
    link="https://arxiv.org/abs/2106.03970",
    ran="theory of linear networks, held against random ones of many depths and widths; the same of random "
    "start and orthogonal start in training",
    published=_RECIPE,
    data=ANY_IMAGES,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Measures how far a batch is from orthogonal in a deep linear MLP at initialisation; nothing is "
    "trained.",
    examples={
        "--dataset=digits --seeds=5": "the recipe, without a download",
        "--sweep=depth --seeds=10": "2, 6 and 16 layers, with BN and without",
    },
    same="linear layers with random kernels, wider than the batch has images, BN by that batch, the same gap",
    differs="16 layers and 1,024 units at most; 32 images of MNIST; BN also subtracts means, which leaves "
    "a gap of 0.032 for 32 images; that orthogonal images speed up training is not tested",
)
