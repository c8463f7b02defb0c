"""Xiong et al. 2020: transformers with norms behind their sums have large gradients at the last layers."""

from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, claims_of, level, minus
from bnjax.studies.papers.initial import ANY_IMAGES, AT_FIRST
from bnjax.studies.study import Study, crossed

_RECIPE = Config(
    **AT_FIRST,
    model="vit",
    vit_depth=6,
    vit_patch=8,
    norm="layer",
    placement="all",
    order="after",
    kernel_init="glorot_uniform",
    norm_epsilon=1e-5,
    dataset="cifar10",
    input_scale="standardize",
    train_images=64,
    test_images=64,
    batch_size=64,
    optimizer="sgd",
    probes="gradients",
)
_PRE, _POST = "pre-LN", "post-LN"
_ORDERS: Conditions = {_POST: {"order": "after"}, _PRE: {"order": "before"}}
_DEPTHS: Conditions = {f"{depth} blocks": {"vit_depth": depth} for depth in (3, 6, 12)}
_DEEP = crossed(_DEPTHS, _ORDERS)
_LAST, _GROWTH = "last_gradient", "gradient_growth"
_SWEEPS: Mapping[str, Conditions] = {"orders": _DEEP}
_claim = claims_of("xiong2020", _SWEEPS, epochs=1)

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "large",
        "abstract; theorem 1",
        "At the last block gradients of post-LN are larger than those of pre-LN.",
        *(minus(f"{depth}, {_POST}", f"{depth}, {_PRE}", _LAST, "higher") for depth in _DEPTHS),
        note="of the kernel of the last MLP's hidden layer, in decades",
    ),
    _claim(
        "depth-of-pre",
        "theorem 1",
        "In pre-LN the last block's gradients fall with depth, as one over its root.",
        minus(f"6 blocks, {_PRE}", f"3 blocks, {_PRE}", _LAST, "lower"),
        minus(f"12 blocks, {_PRE}", f"6 blocks, {_PRE}", _LAST, "lower"),
        note="that they fall is tested, not how fast",
    ),
    _claim(
        "depth-of-post",
        "theorem 1",
        "In post-LN the last block's gradients do not depend on depth.",
        minus(f"6 blocks, {_POST}", f"3 blocks, {_POST}", _LAST, "alike", margin=0.1),
        minus(f"12 blocks, {_POST}", f"6 blocks, {_POST}", _LAST, "alike", margin=0.1),
        note="alike: within a quarter, 0.1 decades; ours",
    ),
    _claim(
        "decay",
        "section 3, figure of gradients by layer",
        "In post-LN gradients shrink from the last block to the first; in pre-LN they hardly change.",
        level(f"12 blocks, {_POST}", _GROWTH, "lower", 1.0),
        level(f"12 blocks, {_PRE}", _GROWTH, "alike", 1.0, margin=0.1),
        note="factor per attention or MLP, between the MLPs of the first and the last block; margin ours",
    ),
)

XIONG2020 = Study(
    name="xiong2020",
    kind="paper",
    about="Post-LN transformers have large gradients at their last layers",
    question="Are gradients of post-LN transformers large at the last layers at first?",
    main_claim="xiong2020-large",
    title="On Layer Normalization in the Transformer Architecture",
    author="Ruibin Xiong and Yunchang Yang and Di He and Kai Zheng and Shuxin Zheng and Chen Xing and "
    "Huishuai Zhang and Yanyan Lan and Liwei Wang and Tie-Yan Liu",
    place="ICML",
    date="2020",
    link="https://arxiv.org/abs/2002.04745",
    ran="theory of transformers at initialisation, gradients by layer in translation models of 6 and more "
    "blocks, and training of translation models and BERT with and without a warm-up of the learning rate",
    published=_RECIPE,
    data=ANY_IMAGES,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Measures gradients of a small transformer at initialisation, pre-LN and post-LN; nothing is "
    "trained.",
    examples={
        "--dataset=digits --seeds=5": "post-LN, without a download",
        "--sweep=orders --seeds=10": "3, 6 and 12 blocks, pre-LN and post-LN",
    },
    same="blocks of attention and MLP with layer norm in front of or behind each, glorot uniform kernels, "
    "a last norm, gradients at initialisation",
    differs="images in place of language: 64 of CIFAR-10 (as JPEG where its file says so), patches of 8, "
    "width 64, ten classes from the mean of tokens; warm-up is not tested",
)
