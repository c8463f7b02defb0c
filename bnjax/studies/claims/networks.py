"""What the experiments with MobileNetV2 (iT Ironman, 2021) and InceptionV3 (Qiita, 2019) conclude."""

from bnjax.studies.claims.claim import Claim, Contrast, level, minus
from bnjax.studies.recipes import SWEEPS, Conditions

_SWEEP = "order"
_ORDERS: Conditions = SWEEPS["mobilenet"][_SWEEP]
#: Points; ours, and a little more than the 0.78 that the text calls alike.
_ALIKE = 1.0


def _mobilenet(name: str, place: str, said: str, *contrasts: Contrast) -> Claim:
    return Claim(f"mobilenet-{name}", "mobilenet", place, said, _ORDERS, contrasts, _SWEEP, epochs=100)


MOBILENET_CLAIMS: tuple[Claim, ...] = (
    _mobilenet(
        "theory",
        "introduction, in theory",
        "Behind a ReLU negative values are gone, which biases the normalisation; so BN belongs before it.",
        minus("before", "after", "best_accuracy", "higher"),
    ),
    _mobilenet(
        "reports",
        "introduction, what others report",
        "Several experiments found BN before the activation more accurate than after it.",
        minus("before", "after", "best_accuracy", "higher"),
    ),
    _mobilenet(
        "alike",
        "result",
        "The best accuracies of both orders are about the same.",
        minus(
            "after",
            "before",
            "best_accuracy",
            "alike",
            margin=_ALIKE,
            published="82.03% minus 82.81%: -0.78 points",
            size=(-0.78, -0.78),
        ),
    ),
    _mobilenet(
        "after-converges",
        "result",
        "With BN after the activation the network converges, too.",
        level(
            "after",
            "final_train_accuracy",
            "higher",
            95.0,
            published="100% of training images at epoch 67",
            size=(100.0, 100.0),
        ),
    ),
    _mobilenet(
        "after-larger-loss",
        "printed beside the result, not commented",
        "At the epoch of best accuracy, the loss of BN after is larger than that of before.",
        minus(
            "after",
            "before",
            "loss_at_best_accuracy",
            "higher",
            published="1.0461 minus 0.8054: +0.2407 nats",
            size=(0.2407, 0.2407),
        ),
    ),
    _mobilenet(
        "after-later",
        "printed beside the result, not commented",
        "BN after reaches its best accuracy later.",
        minus(
            "after",
            "before",
            "epoch_of_best_accuracy",
            "higher",
            published="epoch 67 minus 51: +16",
            size=(16.0, 16.0),
        ),
    ),
)

_MODES = "modes"
_TRAINED: Conditions = SWEEPS["finetune"][_MODES]
#: The text does not say how long its author trained.
_EPOCHS = 10

FINETUNE_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "finetune-lower-loss",
        "finetune",
        "result",
        "Training the BN layers of the frozen part lowers the validation loss.",
        _TRAINED,
        (
            minus(
                "BN trained",
                "BN frozen",
                "lowest_validation_loss",
                "lower",
                published="0.070 minus 0.160: -0.090 nats",
                size=(-0.09, -0.09),
            ),
        ),
        _MODES,
        epochs=_EPOCHS,
    ),
    Claim(
        "finetune-more-accurate",
        "finetune",
        "result",
        "Training the BN layers of the frozen part makes the network better (said of accuracy, shown by the "
        "loss).",
        _TRAINED,
        (minus("BN trained", "BN frozen", "best_validation_accuracy", "higher"),),
        _MODES,
        epochs=_EPOCHS,
    ),
)
