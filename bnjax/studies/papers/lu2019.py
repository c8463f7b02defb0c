"""Lu et al. 2019: deep and narrow ReLU networks are born dead."""

from collections.abc import Mapping

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, claims_of, level, minus
from bnjax.studies.papers.initial import ANY_IMAGES, AT_FIRST
from bnjax.studies.study import Study, crossed

_RECIPE = Config(
    **AT_FIRST,
    model="mlp",
    hidden_layers=20,
    width=2,
    placement="none",
    order="before",
    kernel_init="he_normal",
    norm_epsilon=1e-5,
    dataset="mnist",
    input_scale="standardize",
    train_images=128,
    test_images=128,
    batch_size=128,
    optimizer="sgd",
)
_DEPTHS: Conditions = {f"{depth} layers": {"hidden_layers": depth} for depth in (5, 10, 20)}
_WIDTHS: Conditions = {f"width {width}": {"width": width} for width in (2, 4, 8)}
_BN, _NONE = "with BN", "without BN"
_BN_OR_NOT: Conditions = {_BN: {"placement": "dense"}, _NONE: {"placement": "none"}}
_DEAD = "born_dead"
_SWEEPS: Mapping[str, Conditions] = {
    "depth": _DEPTHS,
    "width": _WIDTHS,
    "bn-or-not": crossed(_BN_OR_NOT, {"": {}}),
}
#: All that agree decide at 59 seeds, see the report; shares near 0 or 100% take as many.
_SEEDS = 60


def _dead_to_one_image(layers: int, width: int) -> float:
    """Percent of networks in which some layer is silent for a given image, if signs are as coins fall."""
    return round(100 * (1 - (1 - 0.5**width) ** layers), 2)


_claim = claims_of("lu2019", _SWEEPS, epochs=1, least_seeds=_SEEDS)

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "deeper",
        "abstract; section 3",
        "The deeper a ReLU network is, the more often it is born dead: constant, whatever the image.",
        minus("10 layers", "5 layers", _DEAD, "higher"),
        minus("20 layers", "10 layers", _DEAD, "higher"),
        sweep="depth",
        note="at width 2; dead: some hidden layer answers no test image",
    ),
    _claim(
        "narrower",
        "section 3",
        "The narrower it is, the more often.",
        minus("width 4", "width 2", _DEAD, "lower"),
        minus("width 8", "width 4", _DEAD, "lower"),
        sweep="width",
        note="at 20 layers",
    ),
    _claim(
        "bound",
        "section 3, theorem on the probability of being born dead",
        "No more often than a layer is silent for a single image: 1 - (1 - 2^-width)^layers.",
        *(level(f"{layers} layers", _DEAD, "lower", _dead_to_one_image(layers, 2)) for layers in (5, 10)),
        sweep="depth",
        note="at 20 layers the bound is 99.7%, which 60 networks cannot tell from all",
    ),
    _claim(
        "norms",
        "introduction, treatments",
        "Normalisation is among the treatments.",
        minus(_BN, _NONE, _DEAD, "lower"),
        level(_BN, _DEAD, "lower", 50.0),
        sweep="bn-or-not",
        note="the paper lists it and proposes asymmetric initial weights, which are not tested here; that "
        "BN mitigates it is also in Rister and Rubin 2020",
    ),
)

LU2019 = Study(
    name="lu2019",
    kind="paper",
    about="Deep narrow ReLU networks are born dead",
    question="Are deep and narrow ReLU networks dead from the start, and does BN keep them alive?",
    main_claim="lu2019-deeper",
    title="Dying ReLU and Initialization: Theory and Numerical Examples",
    author="Lu Lu and Yeonjong Shin and Yanhui Su and George Em Karniadakis",
    place="arXiv, then Communications in Computational Physics 28",
    date="2019",
    link="https://arxiv.org/abs/1903.06733",
    ran="theory of ReLU networks with symmetric initial weights, and shares of dead ones among a thousand "
    "or more for functions of one and two inputs; training of small regressions",
    published=_RECIPE,
    data=ANY_IMAGES,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    does="Counts ReLU networks that answer no image at initialisation, with norms or without; nothing is "
    "trained.",
    examples={
        "--dataset=digits --seeds=5": "20 layers of two units, without a download",
        "--sweep=depth --seeds=60": "5, 10 and 20 layers",
    },
    same="dense ReLU layers of equal width, symmetric initial weights, biases of 0, nothing trained",
    differs="60 networks of each kind in place of a thousand or more; 128 images of MNIST with 784 inputs, "
    "which kill fewer first layers than one input does; asymmetric initial weights are not tested",
)
