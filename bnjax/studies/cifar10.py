"""Batch Normalization and dropout on CIFAR-10 (Qiita, 2018-06-10): four placements, three dropouts.

Published values of claims are means of the last tenth of 400 epochs, or the highest points, of its author's
logs: one run each.
"""

from collections.abc import Iterable

from bnjax.settings.config import Config
from bnjax.studies.cifar10_logs import LOGGED_LATE_AND_BEST
from bnjax.studies.claim import Claim, Conditions, Contrast, Data, Expected, level, minus
from bnjax.studies.mobilenet import ANY_IMAGES, MOBILENET
from bnjax.studies.study import Study

#: Batch Normalization and dropout on CIFAR-10 (Qiita, 2018-06-10, TensorFlow 1.8): 5x5 convolutions, norms
#: after the activation, tf.train.AdamOptimizer(1e-3) with its epsilon 1e-8, batches of 128, raw pixels, the
#: same 390 batches every epoch. Its author ran 400 epochs; 10 is what a first answer needs.
_PUBLISHED = Config()

#: The twelve conditions of that experiment: placement x dropout.
TWELVE: Conditions = {
    f"{placement}, dropout {dropout}": {"placement": placement, "dropout": dropout}
    for placement in ("none", "conv", "dense", "conv,dense")
    for dropout in (0.0, 0.2, 0.4)
}

_LATE, _BEST = "last_tenth_accuracy", "best_accuracy"
_DROPOUTS = (0.0, 0.2, 0.4)
_NORMS = ("conv", "dense", "conv,dense")
_ALL_IN = "conv,dense, dropout 0.4"
#: Where the logs have a claim's differences with their final sign from the fifth epoch on, a twentieth of
#: the epochs shows them: Kendall's tau between the twelve after 10, 20 and 50 epochs and at the end is alike,
#: 0.67, 0.69 and 0.67. Where a sign turns once more, it takes what the logs took; how steady and how
#: overfitted training is late, nothing early tells.
_EARLY, _SHARE, _LATER, _HALF = 0.05, 0.1, 0.25, 0.5
#: 20,000 of its images, of all classes and tested by all 10,000, ask the same of the order of conditions;
#: levels such as "nearly 0.75" are of all 50,000.
_PART = Data("CIFAR-10, or 20,000 or more of its training images", ("cifar10",), part=20_000)
_WHOLE = Data("CIFAR-10 as a whole", ("cifar10",))


def _logged(condition: str, reading: str) -> float:
    settings = TWELVE[condition]
    late, best = LOGGED_LATE_AND_BEST[settings["placement"], settings["dropout"]]
    return 100 * (late if reading == _LATE else best)


def _minus(ours: str, reference: str, expected: Expected, reading: str = _LATE) -> Contrast:
    """With what the author's logs give for it."""
    if reading not in (_LATE, _BEST):
        return minus(ours, reference, reading, expected)
    logged = _logged(ours, reading) - _logged(reference, reading)
    told = f"{logged:+.2f} points (logs)"
    return minus(ours, reference, reading, expected, published=told, size=(logged, logged))


def _level(condition: str, expected: Expected, against: float, **more: float) -> Contrast:
    """With what the author's logs give for it."""
    logged = _logged(condition, _LATE)
    told = f"{logged:.2f}% (logs)"
    return level(condition, _LATE, expected, against, published=told, size=(logged, logged), **more)


def _claim(
    name: str,
    place: str,
    said: str,
    contrasts: Iterable[Contrast],
    least_share: float = _SHARE,
    data: Data | None = None,
) -> Claim:
    return Claim(
        f"cifar10-{name}",
        "cifar10",
        place,
        said,
        TWELVE,
        tuple(contrasts),
        "conditions",
        data=data,
        epochs=400,
        least_share=least_share,
    )


def _under(placement: str, dropout: float) -> str:
    return f"{placement}, dropout {dropout}"


_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "faster",
        "overview of BN",
        "BN makes learning faster.",
        [_minus(_under("conv,dense", d), _under("none", d), "higher", "early_accuracy") for d in _DROPOUTS],
        least_share=_EARLY,
    ),
    _claim(
        "less-overfitting",
        "overview of BN",
        "BN holds overfitting down.",
        [_minus(_under("conv,dense", d), _under("none", d), "lower", "overfitting") for d in _DROPOUTS],
    ),
    Claim(
        "cifar10-covariate-shift",
        "cifar10",
        "internal covariate shift",
        "What BN does is keep the inputs of inner layers from shifting, which slows deep networks down near "
        "their output.",
        {},
        (),
        unmeasured="records hold no distributions of inner activations",
    ),
    Claim(
        "cifar10-before",
        "cifar10",
        "where to apply BN",
        "The original paper's advice: normalise the products, before the activation.",
        {"before": {"placement": "conv:before,dense:before"}, "after": {"placement": "conv,dense"}},
        (minus("before", "after", _LATE, "not lower", margin=0.5),),
        vary="placement=conv:before,dense:before|conv,dense",
        epochs=400,
        least_share=_SHARE,
    ),
    Claim(
        "cifar10-idle-bias",
        "cifar10",
        "where to apply BN",
        "A bias before the norm does nothing, since normalising takes it away.",
        MOBILENET.sweeps["order-bias"],
        (minus("before, with biases", "before, without biases", "best_accuracy", "alike", margin=1.0),),
        "order-bias",
        epochs=100,
        least_share=0.5,
        data=ANY_IMAGES,
        note="Said of any network; tested where biases can be left out.",
        run_by="mobilenet",
    ),
    Claim(
        "cifar10-running-statistics",
        "cifar10",
        "implementation in TensorFlow",
        "Unless the running statistics are updated, evaluation by their initial values goes wrong.",
        {
            "never updated": {"placement": "conv,dense", "norm_momentum": 1.0},
            "updated": {"placement": "conv,dense"},
        },
        (minus("never updated", "updated", _LATE, "lower"),),
        vary="placement=conv,dense; norm_momentum=0.99|1.0",
        epochs=400,
        least_share=_SHARE,
    ),
    _claim(
        "dropout-helps",
        "without BN",
        "Dropout of the dense layer clearly helps.",
        [_minus(_under("none", d), _under("none", 0.0), "higher") for d in _DROPOUTS[1:]],
        least_share=_EARLY,
    ),
    _claim(
        "all-in-is-best",
        "best case",
        "BN at convolutions and the dense layer with dropout 0.4 is the best of the twelve.",
        [_minus(_ALL_IN, condition, "higher", _BEST) for condition in TWELVE if condition != _ALL_IN],
        least_share=_LATER,
    ),
    _claim(
        "bn-is-strong",
        "best case",
        "With dropout 0.4, BN lifts the test accuracy from below 0.6 to nearly 0.75.",
        [
            _minus(_ALL_IN, _under("none", 0.4), "higher"),
            _level(_under("none", 0.4), "lower", 60.0),
            _level(_ALL_IN, "not lower", 75.0, margin=1.0),
        ],
        least_share=_HALF,
        data=_WHOLE,
    ),
    _claim(
        "unsteady-without-dropout",
        "comparison of placements",
        "Without dropout training is somewhat unsteady.",
        [_minus(_under(norm, 0.0), _under(norm, 0.4), "higher", "unsteadiness") for norm in _NORMS[:2]],
    ),
    _claim(
        "unsteady-with-dense-alone",
        "comparison of placements",
        "With BN at the dense layer alone training is somewhat unsteady.",
        [_minus(_under("dense", d), _under("conv", d), "higher", "unsteadiness") for d in _DROPOUTS],
    ),
    _claim(
        "both-are-best",
        "comparison of placements",
        "BN at both kinds of layers is better than at either, at every dropout.",
        [_minus(_under("conv,dense", d), _under(one, d), "higher") for d in _DROPOUTS for one in _NORMS[:2]],
        least_share=_LATER,
    ),
    _claim(
        "dropout-helps-bn",
        "comparison of placements",
        "The textbook says that BN may make dropout needless; here both together are better.",
        [_minus(_under("conv,dense", d), _under("conv,dense", 0.0), "higher") for d in _DROPOUTS[1:]],
        least_share=_HALF,
    ),
    _claim(
        "bn-beats-dropout",
        "summary",
        "BN is stronger than dropout.",
        [_minus(_under("conv,dense", 0.0), _under("none", d), "higher") for d in _DROPOUTS[1:]],
        least_share=_EARLY,
    ),
    _claim(
        "both-are-steadier",
        "summary",
        "BN at both kinds of layers is steadier than at either.",
        [
            _minus(_under("conv,dense", d), _under(one, d), "lower", "unsteadiness")
            for d in _DROPOUTS
            for one in _NORMS[:2]
        ],
    ),
    _claim(
        "dropout-is-steadier",
        "summary",
        "With BN, dropout makes training steadier.",
        [
            _minus(_under("conv,dense", d), _under("conv,dense", 0.0), "lower", "unsteadiness")
            for d in _DROPOUTS[1:]
        ],
    ),
)

CIFAR10 = Study(
    name="cifar10",
    about="Batch Normalization and dropout on CIFAR-10",
    question="Batch Normalization, dropout or both: what helps a small CNN most?",
    main_claim="cifar10-bn-is-strong",
    title="Deep LearningにおけるBatch Normalizationの理解メモと、実際にその効果を見てみる",
    author="cfiken",
    place="Qiita",
    date="2018-06-10",
    link="https://github.com/cfiken/batch-normalization-try",
    ran="TensorFlow 1.8, CIFAR-10, 12 conditions, 400 epochs, one run each",
    published=_PUBLISHED,
    data=_PART,
    sweeps={"conditions": TWELVE},
    claims=_CLAIMS,
    does="Trains a CNN with norms where you put them, and shows accuracy, loss and dying units.",
    examples={
        "--dataset=digits --placement=conv,dense": "no download, a minute",
        "--placement=conv,dense --dropout=0.4": "CIFAR-10, downloaded once",
        "--dataset=digits '--vary=placement=none|all' --seeds=3": "compared, paired by seed",
        "--placement=none --recipe=controlled": "the controlled recipe",
        "--sweep=conditions --seeds=5": "the published conditions",
    },
)
