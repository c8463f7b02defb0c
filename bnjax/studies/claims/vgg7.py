"""What the placement experiment with VGG7 concludes (Qiita, 2018-10-02), as claims.

It shows curves of the validation loss and no numbers. How its words are read as numbers, and margins of
"alike", are ours: to fall fast is a low mean loss over the first fifth of epochs, to overfit is to end above
the lowest loss.
"""

from collections.abc import Iterable

from bnjax.studies.claims.claim import Claim, Contrast, level, mean_minus, minus
from bnjax.studies.recipes import VGG7_PICK, VGG7_PLAIN, VGG7_SWEEPS

#: Nats; ours.
_ALIKE = {"margin": 0.05}
_SOME = 0.05
_FIRST, _SECOND, _BOTH = "cBrcr-crcr-drdr", "crcBr-crcr-drdr", "cBrcBr-crcr-drdr"
_BLOCK2_ONE, _BLOCK2_BOTH = ("crcr-cBrcr-drdr", "crcr-crcBr-drdr"), "crcr-cBrcBr-drdr"
_FC_FIRST, _FC_SECOND, _FC_BOTH = "crcr-crcr-dBrdr", "crcr-crcr-drdBr", "crcr-crcr-dBrdBr"
_PICK_AND_BLOCK2 = "cBrcr-cBrcBr-drdBr"
_LOSSES = ("lowest_loss", "final_loss")


def _with_norms(block: str) -> tuple[str, ...]:
    codes = (settings["placement"] for settings in VGG7_SWEEPS[block].values())
    return tuple(code for code in codes if code != VGG7_PLAIN)


def _claim(
    name: str, place: str, said: str, contrasts: Iterable[Contrast], sweep: str = "groups", dataset: str = ""
) -> Claim:
    conditions = VGG7_SWEEPS[sweep]
    return Claim(
        f"vgg7-{name}",
        "vgg7",
        place,
        said,
        conditions,
        tuple(contrasts),
        sweep,
        dataset=dataset,
        epochs=400,
    )


def _holds_overfitting_down(block: str) -> Claim:
    return _claim(
        f"{block}-overfits-less",
        f"BN in {'FC' if block == 'fc' else block}",
        f"BN in {block} holds overfitting down.",
        [minus(code, VGG7_PLAIN, "overfitting", "lower") for code in _with_norms(block)],
    )


_ANY_NORM = tuple(code for code in VGG7_SWEEPS["groups"] if code != VGG7_PLAIN)

VGG7_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "overfits-less",
        "introduction",
        "As experience has it, BN makes overfitting rarer.",
        [mean_minus("ten placements with BN minus none", _ANY_NORM, (VGG7_PLAIN,), "overfitting", "lower")],
    ),
    _claim(
        "cifar10-larger-loss",
        "postscript of 2018-10-07",
        "On CIFAR-10 it is the other way round: with BN the loss is larger.",
        [
            mean_minus("ten placements with BN minus none", _ANY_NORM, (VGG7_PLAIN,), reading, "higher")
            for reading in _LOSSES
        ],
        dataset="cifar10",
    ),
    Claim(
        "vgg7-much-data",
        "vgg7",
        "postscript of 2018-10-07",
        "Where there is so much data for so small a network that it hardly overfits, BN makes the loss "
        "larger.",
        {},
        (),
        unmeasured="no sweep varies how many images are trained on (--train_images)",
    ),
    _claim(
        "plain-overfits",
        "BN in block1",
        "Without BN the network overfits: its loss rises after its lowest point.",
        [level(VGG7_PLAIN, "overfitting", "higher", _SOME)],
    ),
    _holds_overfitting_down("block1"),
    _claim(
        "block1-both-worse",
        "BN in block1",
        "In block1, BN in both layers has a higher loss than in either: more is not better.",
        [minus(_BOTH, one, reading, "higher") for one in (_FIRST, _SECOND) for reading in _LOSSES],
    ),
    _claim(
        "block1-first-steadier",
        "BN in block1",
        "In block1, BN in the first layer is steadier than in the second: its loss jumps less.",
        [minus(_FIRST, _SECOND, "largest_jump", "lower")],
    ),
    _holds_overfitting_down("block2"),
    _claim(
        "block2-both-fastest",
        "BN in block2",
        "In block2, BN in both layers lets the loss fall fastest.",
        [minus(_BLOCK2_BOTH, other, "early_loss", "lower") for other in (VGG7_PLAIN, *_BLOCK2_ONE)],
    ),
    _claim(
        "block2-both-jumps",
        "BN in block2",
        "In block2, with BN in both layers the loss jumps now and then.",
        [minus(_BLOCK2_BOTH, VGG7_PLAIN, "largest_jump", "higher")],
    ),
    _claim(
        "block2-ends-alike",
        "BN in block2",
        "In block2 the final losses hardly differ.",
        [minus(_BLOCK2_BOTH, one, "final_loss", "alike", **_ALIKE) for one in _BLOCK2_ONE],
    ),
    _claim(
        "block2-needs-none",
        "BN in block2, and summary",
        "Block2 can do without BN: beside the author's choice it would add nothing.",
        [minus(_PICK_AND_BLOCK2, VGG7_PICK, reading, "not lower", **_ALIKE) for reading in _LOSSES],
        sweep="grid",
    ),
    _claim(
        "fc-starts-higher",
        "BN in FC",
        "In the dense layers BN makes the loss higher at first.",
        [minus(code, VGG7_PLAIN, "early_loss", "higher") for code in _with_norms("fc")],
    ),
    _holds_overfitting_down("fc"),
    _claim(
        "fc-jumps",
        "BN in FC",
        "With BN in the dense layers the loss jumps now and then.",
        [level(code, "largest_jump", "higher", _SOME) for code in _with_norms("fc")],
    ),
    _claim(
        "fc-holds-most",
        "BN in FC",
        "BN in the dense layers holds overfitting down better than in the convolutions.",
        [
            mean_minus(f"fc minus {block}", _with_norms("fc"), _with_norms(block), "overfitting", "lower")
            for block in ("block1", "block2")
        ],
    ),
    _claim(
        "fc-order",
        "BN in FC",
        "Of the dense layers, BN in the first is worst, in both is next, in the second is best.",
        [
            contrast
            for reading in _LOSSES
            for contrast in (
                minus(_FC_FIRST, _FC_BOTH, reading, "higher"),
                minus(_FC_SECOND, _FC_BOTH, reading, "lower"),
            )
        ],
    ),
    _claim(
        "pick-falls-early",
        "summary",
        "BN in the first convolution and the last dense layer makes the loss fall early.",
        [minus(VGG7_PICK, VGG7_PLAIN, "early_loss", "lower")],
    ),
    _claim(
        "pick-overfits-less",
        "summary",
        "That choice holds overfitting down.",
        [minus(VGG7_PICK, VGG7_PLAIN, "overfitting", "lower")],
    ),
    _claim(
        "pick-is-good",
        "summary",
        "That choice is a good one: its loss is lower than without BN.",
        [minus(VGG7_PICK, VGG7_PLAIN, reading, "lower") for reading in _LOSSES],
    ),
)
