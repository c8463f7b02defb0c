"""Dying ReLU and Batch Normalization on MNIST (Qiita, 2017-05, third part of a series).

Its text shows curves and counts, one run each, and few numbers; margins of "alike" are ours.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, Contrast, Data, claims_of, level, minus
from bnjax.studies.study import Study, crossed

#: Dying ReLU and Batch Normalization on MNIST (Qiita, 2017-05): one hidden layer of 256, Adam, batches of 100
#: shuffled every epoch, 100 epochs, gaussian initial weights. The text does not tell their deviation, the
#: learning rate, the scale of the pixels, or on which side of the activation the norm stands: 0.01, Adam's
#: usual 0.001, 0..1 and before the activation are what most code of that time has, and units die with them
#: as the author saw it.
_PUBLISHED = Config(
    model="mlp",
    placement="dense",
    order="before",
    kernel_init="gaussian",
    init_deviation=0.01,
    dataset="mnist",
    input_scale="unit",
    shuffle="epoch",
    epochs=100,
    batch_size=100,
)

_BN = {"with BN": {"placement": "dense"}, "without BN": {"placement": "none"}}
_ACTIVATIONS: Conditions = {
    "ReLU": {"activation": "relu"},
    **{
        f"slope {slope}": {"activation": "leaky_relu", "negative_slope": slope}
        for slope in (0.001, 0.01, 0.18, 0.5)
    },
}
#: The author's wish, rates as usual: momentum 0.9 makes steps ten times longer, so its rate is a tenth.
_OPTIMIZERS: Conditions = {
    "Adam": {"optimizer": "adam", "learning_rate": 0.001},
    "SGD": {"optimizer": "sgd", "learning_rate": 0.1},
    "momentum": {"optimizer": "momentum", "learning_rate": 0.01},
}


#: The comparisons of the MNIST experiment.
_SWEEPS: dict[str, Conditions] = {
    "bn-or-not": _BN,
    "batch-sizes": {
        f"batch size {size}": {"batch_size": size, "placement": "dense"} for size in (10, 50, 100, 200, 500)
    },
    "leaky": crossed(_ACTIVATIONS, _BN),
    "optimizers": crossed(_OPTIMIZERS, _BN),
}

#: What the dying-ReLU series says of each comparison (Qiita, 2017-05, third part: Batch Normalization); one
#: run of 100 epochs each. It shows curves, not numbers, but for the cost of batch size 10.
_SAID = {
    "bn-or-not": "published: with BN no unit dies; without it training sticks at 100% and tests are better",
    "batch-sizes": "published: batch size 10 costs 1 to 1.5 points; no unit dies at any batch size",
    "leaky": "published: after epoch 20 all slopes are alike, and better without BN; no unit is flat",
    "optimizers": "not published: the author wished to see SGD",
}

_SIZES = _SWEEPS["batch-sizes"]
_SLOPES = ("slope 0.001", "slope 0.01", "slope 0.18", "slope 0.5")
#: No unit at all: less than half a unit on average.
_NONE: dict[str, Any] = {"margin": 0.5, "published": "0 units", "size": (0.0, 0.0)}
#: Points within which accuracies of about 98% count as alike; ours.
_ALIKE = {"margin": 0.2}
#: Training batches in percent: where accuracy sticks at 100%, more than this are without an error; where one
#: or two of 100 images stay wrong for all to see, fewer are.
_MOST = 90.0
_WITH, _WITHOUT = "with BN", "without BN"
_SMALL = {
    f"batch size {size}, {bn}": {"batch_size": size, "placement": placement}
    for size in (10, 100)
    for bn, placement in ((_WITH, "dense"), (_WITHOUT, "none"))
}
_ORDERS: Conditions = {
    f"{bn}, {told}": {"placement": placement, "shuffle": shuffle}
    for bn, placement in ((_WITH, "dense"), (_WITHOUT, "none"))
    for told, shuffle in (("shuffled", "epoch"), ("always the same batches", "none"))
}
_NO_UPDATES = "records hold no updates of single weights; --movie=dw.gif shows them"
_claim = claims_of("mnist", _SWEEPS, epochs=100)


def _batches_of_ten(metric: str) -> Iterator[Contrast]:
    for size in (50, 100, 200, 500):
        yield minus(
            "batch size 10",
            f"batch size {size}",
            metric,
            "lower",
            published="-1 to -1.5 points",
            size=(-1.5, -1.0),
        )


_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "no-unit-dies",
        "batch sizes, count of dying ReLUs",
        "With BN no unit dies, whatever the batch size.",
        *(level(condition, "most_flat", "alike", **_NONE) for condition in _SIZES),
        sweep="batch-sizes",
    ),
    _claim(
        "batch-size-10",
        "batch sizes, accuracy",
        "With BN, batches of 10 cost 1 to 1.5 points of accuracy against the other sizes.",
        *_batches_of_ten("late_accuracy"),
        sweep="batch-sizes",
    ),
    _claim(
        "batch-size-10-in-training",
        "batch sizes, accuracy",
        "The same, where the accuracy meant is that of training: the text does not say which.",
        *_batches_of_ten("final_train_accuracy"),
        sweep="batch-sizes",
    ),
    Claim(
        "mnist-batch-size-10-why",
        "mnist",
        "batch sizes, accuracy",
        "Ten images are too few to normalise by, and that is what costs the accuracy: without BN small "
        "batches cost less.",
        _SMALL,
        (
            Contrast(
                "what batches of 10 instead of 100 cost with BN, minus what they cost without",
                dict(zip(_SMALL, (1.0, -1.0, -1.0, 1.0), strict=True)),
                "late_accuracy",
                "lower",
            ),
        ),
        vary="placement=dense|none; batch_size=10|100",
        epochs=100,
    ),
    _claim(
        "updates-everywhere",
        "with and without BN at batch size 100, movies",
        "With BN every unit's weights go on changing; without it some stay still.",
        minus(_WITHOUT, _WITH, "most_flat", "higher"),
        level(_WITH, "last_silent", "alike", **_NONE),
        sweep="bn-or-not",
    ),
    _claim(
        "gray-background",
        "with and without BN at batch size 100, movies",
        "Where the digits never are, updates are near the middle of their range with BN, and often at its "
        "ends without.",
        sweep="",
        unmeasured=_NO_UPDATES,
    ),
    _claim(
        "extreme-updates-kill",
        "without BN, movie",
        "A guess: updates that stay at the end of their range are what stops a ReLU from answering.",
        sweep="",
        unmeasured=_NO_UPDATES,
    ),
    _claim(
        "training-errors-stay",
        "with and without BN, curves of accuracy",
        "Without BN training sticks at 100%; with BN one or two of 100 images stay wrong.",
        minus(_WITH, _WITHOUT, "perfect_batches", "lower"),
        level(_WITHOUT, "perfect_batches", "higher", _MOST),
        level(_WITH, "perfect_batches", "lower", _MOST),
        sweep="bn-or-not",
    ),
    _claim(
        "bn-less-accurate",
        "with and without BN, curves of accuracy",
        "With BN the test accuracy is lower than without.",
        minus(_WITH, _WITHOUT, "late_accuracy", "lower"),
        sweep="bn-or-not",
    ),
    Claim(
        "mnist-shuffling-why",
        "mnist",
        "with and without BN, curves of accuracy",
        "A guess: with BN shuffling changes the batches' statistics and so the outputs, which keeps the "
        "network from learning its images by heart and costs accuracy in the test; without BN shuffling "
        "does nothing of the kind.",
        _ORDERS,
        (
            minus("with BN, always the same batches", "with BN, shuffled", "perfect_batches", "higher"),
            minus("with BN, always the same batches", "with BN, shuffled", "late_accuracy", "higher"),
            Contrast(
                "what the same batches add with BN, minus what they add without",
                dict(zip(_ORDERS, (-1.0, 1.0, 1.0, -1.0), strict=True)),
                "perfect_batches",
                "higher",
            ),
        ),
        vary="placement=dense|none; shuffle=epoch|none",
        epochs=100,
    ),
    _claim(
        "small-batches-reach-all",
        "batch size 10, movie",
        "Even batches of 10 reach every unit.",
        level("batch size 10", "last_silent", "alike", **_NONE),
        sweep="batch-sizes",
    ),
    _claim(
        "slopes-alike",
        "BN with leaky ReLU",
        "With BN all slopes of a leaky ReLU are equally accurate from epoch 20 on.",
        *(
            minus(f"{larger}, {_WITH}", f"{smaller}, {_WITH}", "accuracy_from_20", "alike", **_ALIKE)
            for smaller, larger in itertools.combinations(_SLOPES, 2)
        ),
        sweep="leaky",
    ),
    _claim(
        "leaky-like-relu",
        "BN with leaky ReLU",
        "With BN a leaky ReLU is as accurate as a ReLU.",
        *(
            minus(f"{slope}, {_WITH}", f"ReLU, {_WITH}", "accuracy_from_20", "alike", **_ALIKE)
            for slope in _SLOPES
        ),
        sweep="leaky",
    ),
    _claim(
        "leaky-no-unit-dies",
        "BN with leaky ReLU",
        "With BN and a leaky ReLU no unit dies.",
        *(level(f"{slope}, {_WITH}", "most_flat", "alike", **_NONE) for slope in _SLOPES),
        sweep="leaky",
    ),
    _claim(
        "leaky-still-units",
        "leaky ReLU of slope 0.001, movies",
        "At slope 0.001 without BN no unit counts as dead, yet some do not answer; with BN there are none of "
        "those.",
        level(f"slope 0.001, {_WITHOUT}", "most_flat", "alike", **_NONE),
        level(f"slope 0.001, {_WITHOUT}", "last_silent", "higher", 0.5),
        level(f"slope 0.001, {_WITH}", "last_silent", "alike", **_NONE),
        sweep="leaky",
    ),
    _claim(
        "leaky-bn-less-accurate",
        "leaky ReLU of slope 0.001, curves of accuracy",
        "With a leaky ReLU too, the test accuracy is higher without BN.",
        *(
            minus(f"{slope}, {_WITH}", f"{slope}, {_WITHOUT}", "late_accuracy", "lower")
            for slope in _SLOPES[:1]
        ),
        sweep="leaky",
    ),
    _claim(
        "about-98",
        "discussion",
        "One hidden layer reaches about 98% on MNIST.",
        *(
            level(condition, "late_accuracy", "alike", 98.0, margin=0.5, published="about 98%", size=(98, 98))
            for condition in _BN
        ),
        sweep="bn-or-not",
    ),
    _claim(
        "rest-is-not-bns",
        "discussion",
        "The 2% that stay wrong are not of a kind that BN could mend.",
        minus(_WITH, _WITHOUT, "late_accuracy", "not higher", **_ALIKE),
        sweep="bn-or-not",
    ),
)

MNIST = Study(
    name="mnist",
    about="Dying ReLU and Batch Normalization, third part",
    question="Does Batch Normalization keep ReLUs from dying, and what does it cost?",
    main_claim="mnist-updates-everywhere",
    second_claim="mnist-bn-less-accurate",
    title="dying ReLU について学ぶ (その3) Batch Normalization",
    author="t-tkd3a",
    place="Qiita",
    date="2017-05",
    link="",
    ran="MNIST, one hidden layer of 256, 100 epochs, one run each",
    published=_PUBLISHED,
    data=Data("MNIST", ("mnist",)),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    said=_SAID,
    does="Trains a network with one hidden layer, with or without norms, and watches which of its units die.",
    examples={
        "--dataset=digits --epochs=20": "needs no download",
        "--placement=none --movie=dw.gif": "MNIST, with a movie of the weight updates",
        "--sweep=bn-or-not --seeds=5": "the published comparison",
    },
)
