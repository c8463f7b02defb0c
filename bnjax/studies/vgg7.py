"""Where to put Batch Normalization in VGG7 (Qiita, 2018-10-02, postscript of 2018-10-07).

Its text shows curves of the validation loss and no numbers. How its words are read as numbers, and margins of
"alike", are ours: to fall early is to reach a fixed loss in few epochs, to overfit is to end above the lowest
loss, to leap is to rise by a fifth from one epoch to the next once the lowest loss has been passed.
"""

from collections.abc import Iterable, Iterator

from bnjax.architectures.vgg7 import VGG7_SITES
from bnjax.placement import Placement, all_placements, plain_code
from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, Contrast, Data, level, mean_minus, minus
from bnjax.studies.study import Study

#: Where to put Batch Normalization in VGG7 (Qiita, 2018-10-02, Keras 2.2.2): he normal kernels, Adam(2e-4)
#: with epsilon=None, which Keras reads as 1e-7, and the defaults of its BatchNormalization (momentum 0.99,
#: epsilon 1e-3), as its codes say before the activation. The text gives neither batch size nor shuffling, so
#: they are those of Keras' fit: 32, shuffled every epoch. It does not tell the scale of the pixels either:
#: 0..1 is the usual one. Its few hundred cartoon faces are not public; its author's follow-up used CIFAR-10.
#: It ran 400 epochs; 10 is what a first answer needs, and too few to see much overfitting. The kernel of the
#: logits names no initialiser there, so it is glorot uniform in Keras; here it is he normal as all others.
_PUBLISHED = Config(
    model="vgg7",
    order="before",
    kernel_init="he_normal",
    dataset="cifar10",
    input_scale="unit",
    shuffle="epoch",
    batch_size=32,
    learning_rate=2e-4,
    adam_epsilon=1e-7,
)

#: Code of the placement that the experiment's author chose in the end, and of the one without norms.
PICK = "cBrcr-crcr-drdBr"
PLAIN = plain_code(VGG7_SITES)


def _within(block: str) -> Iterator[Placement]:
    """VGG7 with norms before the activation in one block alone: none, the last unit's, the first's, both."""
    for placement in all_placements(VGG7_SITES):
        if all(placement[site.name] == "absent" for site in VGG7_SITES if site.block != block):
            yield placement


def _by_block_code(block: str) -> Conditions:
    """Named by the block's own part of the code, as in its author's figures: ``cBrcr``."""
    part = list(dict.fromkeys(site.block for site in VGG7_SITES)).index(block)
    codes = map(str, _within(block))
    return {code.split("-")[part]: {"placement": code} for code in codes}


def _by_code(*codes: str) -> Conditions:
    return {code: {"placement": code} for code in codes}


#: The three comparisons of the VGG7 experiment, block by block, and its author's choice.
_GROUPS: dict[str, Conditions] = {
    **{block: _by_block_code(block) for block in ("block1", "block2", "fc")},
    "pick": _by_code(PLAIN, PICK),
}
#: Those comparisons, all of them at once, and every placement: norms before, and norms before or after.
_SWEEPS: dict[str, Conditions] = {
    **_GROUPS,
    "groups": _by_code(*(s["placement"] for group in _GROUPS.values() for s in group.values())),
    "grid": _by_code(*map(str, all_placements(VGG7_SITES))),
    "grid-orders": _by_code(*map(str, all_placements(VGG7_SITES, ("before", "after")))),
}

#: What the VGG7 experiment says of its figures (Qiita, 2018-10-02): one run of 400 epochs each, curves and no
#: numbers.
_SAID = {
    "block1": "published: without BN it overfits; BN holds that down, in one layer better than in both",
    "block2": "published: BN holds overfitting down; in both layers the loss falls fastest, and ends alike",
    "fc": "published: BN starts higher and then stays; best in the second layer, worst in the first",
    "pick": "published: BN at the entrance and before the output falls early and does not overfit",
    "grid": "published: all were computed, some were drawn",
}

#: Nats; ours.
_ALIKE = {"margin": 0.05}
_SOME = 0.05
#: Leaps of a run: now and then is more than one.
_ONCE = 1.0
_FIRST, _SECOND, _BOTH = "cBrcr-crcr-drdr", "crcBr-crcr-drdr", "cBrcBr-crcr-drdr"
_BLOCK2_ONE, _BLOCK2_BOTH = ("crcr-cBrcr-drdr", "crcr-crcBr-drdr"), "crcr-cBrcBr-drdr"
_FEW_FACES = Data(
    "a few hundred small pictures, as its cartoon faces were, which are not public", (), images=(100, 1000)
)
#: Half of CIFAR-10 is as far from a few hundred faces as all of it. The postscript does not say how long it
#: was trained there: 15 epochs of 25,000 images are 11,700 steps, where 400 epochs of 400 faces are 5,000.
_CIFAR10 = Data("CIFAR-10, or 25,000 or more of its training images", ("cifar10",), part=25_000)
_CIFAR10_SHARE = 15 / 400
#: A tenth of the epochs: enough to overfit, and what a desktop computer can do.
_SHARE = 0.1
#: As many images as the faces, and all of CIFAR-10's.
_AMOUNTS: Conditions = {
    f"{told}, {amount}": {"placement": code, "train_images": images}
    for amount, images in (("250 images", 250), ("all images", 0))
    for told, code in (("the choice", PICK), ("no BN", PLAIN))
}
_FC_FIRST, _FC_SECOND, _FC_BOTH = "crcr-crcr-dBrdr", "crcr-crcr-drdBr", "crcr-crcr-dBrdBr"
_PICK_AND_BLOCK2 = "cBrcr-cBrcBr-drdBr"
_LOSSES = ("lowest_loss", "final_loss")


def _with_norms(block: str) -> tuple[str, ...]:
    codes = (settings["placement"] for settings in _SWEEPS[block].values())
    return tuple(code for code in codes if code != PLAIN)


def _claim(
    name: str,
    place: str,
    said: str,
    contrasts: Iterable[Contrast],
    sweep: str = "groups",
    data: Data | None = None,
    least_share: float = _SHARE,
) -> Claim:
    return Claim(
        f"vgg7-{name}",
        "vgg7",
        place,
        said,
        _SWEEPS[sweep],
        tuple(contrasts),
        sweep,
        data=data,
        epochs=400,
        least_share=least_share,
    )


def _of_amounts(name: str, said: str, contrasts: Iterable[Contrast]) -> Claim:
    return Claim(
        f"vgg7-{name}",
        "vgg7",
        "postscript of 2018-10-07",
        said,
        _AMOUNTS,
        tuple(contrasts),
        vary=f"placement={PICK}|{PLAIN}; train_images=250|0",
        data=_CIFAR10,
        epochs=400,
        least_share=_SHARE,
        note="Said of cartoon faces beside CIFAR-10; here the amount of data alone differs.",
    )


def _holds_overfitting_down(block: str) -> Claim:
    return _claim(
        f"{block}-overfits-less",
        f"BN in {'FC' if block == 'fc' else block}",
        f"BN in {block} holds overfitting down.",
        [minus(code, PLAIN, "overfitting", "lower") for code in _with_norms(block)],
    )


_ANY_NORM = tuple(code for code in _SWEEPS["groups"] if code != PLAIN)

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "overfits-less",
        "introduction",
        "As experience has it, BN makes overfitting rarer.",
        [mean_minus("ten placements with BN minus none", _ANY_NORM, (PLAIN,), "overfitting", "lower")],
    ),
    _claim(
        "cifar10-larger-loss",
        "postscript of 2018-10-07",
        "On CIFAR-10 it is the other way round: with BN the loss is larger.",
        [
            mean_minus("ten placements with BN minus none", _ANY_NORM, (PLAIN,), reading, "higher")
            for reading in _LOSSES
        ],
        data=_CIFAR10,
        least_share=_CIFAR10_SHARE,
    ),
    _of_amounts(
        "much-data",
        "Where there is so much data for so small a network that it hardly overfits, BN makes the loss "
        "larger.",
        [minus("the choice, all images", "no BN, all images", reading, "higher") for reading in _LOSSES],
    ),
    _of_amounts(
        "depends-on-data",
        "What BN does depends on the data: it adds more to the loss where there is much than where there is "
        "little.",
        [
            Contrast(
                "what BN adds with all images, minus what it adds with 250",
                dict(zip(_AMOUNTS, (-1.0, 1.0, 1.0, -1.0), strict=True)),
                reading,
                "higher",
            )
            for reading in _LOSSES
        ],
    ),
    _claim(
        "plain-overfits",
        "BN in block1",
        "Without BN the network overfits: its loss rises after its lowest point.",
        [level(PLAIN, "overfitting", "higher", _SOME)],
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
        "In block1, BN in the first layer is steadier than in the second: its loss leaps less often.",
        [minus(_FIRST, _SECOND, "leaps", "lower")],
    ),
    _holds_overfitting_down("block2"),
    _claim(
        "block2-both-fastest",
        "BN in block2",
        "In block2, BN in both layers lets the loss fall earliest.",
        [minus(_BLOCK2_BOTH, other, "epochs_to_loss", "lower") for other in (PLAIN, *_BLOCK2_ONE)],
    ),
    _claim(
        "block2-both-jumps",
        "BN in block2",
        "In block2, with BN in both layers the loss leaps now and then.",
        [minus(_BLOCK2_BOTH, PLAIN, "leaps", "higher"), level(_BLOCK2_BOTH, "leaps", "higher", _ONCE)],
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
        [minus(_PICK_AND_BLOCK2, PICK, reading, "not lower", **_ALIKE) for reading in _LOSSES],
        sweep="grid",
    ),
    _claim(
        "fc-starts-higher",
        "BN in FC",
        "In the dense layers BN makes the loss higher at first.",
        [minus(code, PLAIN, "early_loss", "higher") for code in _with_norms("fc")],
    ),
    _holds_overfitting_down("fc"),
    _claim(
        "fc-stays-down",
        "BN in FC",
        "With BN in the dense layers, once the loss is down it no longer rises.",
        [level(code, "late_rise", "not higher", **_ALIKE) for code in _with_norms("fc")],
    ),
    _claim(
        "fc-jumps",
        "BN in FC",
        "With BN in the dense layers the loss leaps now and then.",
        [level(code, "leaps", "higher", _ONCE) for code in _with_norms("fc")],
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
        [minus(PICK, PLAIN, "epochs_to_loss", "lower")],
    ),
    _claim(
        "pick-overfits-less",
        "summary",
        "BN in the first convolution and the last dense layer holds overfitting down.",
        [minus(PICK, PLAIN, "overfitting", "lower")],
    ),
    _claim(
        "pick-is-good",
        "summary",
        "BN in the first convolution and the last dense layer is a good choice: the loss is lower than "
        "without BN.",
        [minus(PICK, PLAIN, reading, "lower") for reading in _LOSSES],
    ),
)

VGG7 = Study(
    name="vgg7",
    about="Where to put Batch Normalization in VGG7",
    question="Which layers of VGG7 should have Batch Normalization?",
    main_claim="vgg7-pick-is-good",
    title="BatchNormalizationはどこに入れればいいのか?(CNN編①)",
    author="",
    place="Qiita",
    date="2018-10-02",
    link="",
    ran="Keras 2.2.2, cartoon faces, 400 epochs, one run each, curves of the validation loss",
    published=_PUBLISHED,
    data=_FEW_FACES,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    said=_SAID,
    does="Trains VGG7 with norms at any of its six sites.",
    examples={
        "--dataset=digits --placement=all": "needs no download",
        "--placement=cBrcr-crcr-drdBr": "CIFAR-10, norms where the author wants them",
        "--sweep=groups --seeds=5": "the published comparisons",
        "--sweep=grid --seeds=3 --dataset=digits": "all 64 placements",
    },
)
