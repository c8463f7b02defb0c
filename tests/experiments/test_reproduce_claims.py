"""What the commands that make the answers can decide, as they stand and without any result."""

import functools

import pytest
import reproduce

from bnjax.commands.parsing.flags import command_from_flags
from bnjax.report.verdicts.questions import questions_of
from bnjax.report.verdicts.shelf import data_of_claim

pytestmark = pytest.mark.slow  # it makes every condition of every command

PLACES = {"data": "/data", "photos": "/photos", "weights": "/weights.h5"}
#: Training images of the sets that they name.
IMAGES = {
    "digits": 1437,
    "mnist": 60_000,
    "cifar10": 50_000,
    "folder:/photos/flowers": 500,
    "folder:/photos/clothing": 750,
}


@functools.cache
def decided_by(piece):
    """The claims all of whose contrasts its runs can decide: on their data, by enough epochs and seeds."""
    command = command_from_flags([piece.study, *piece.arguments(PLACES)], piece.study)
    seeds = {config.seed for config in command.configs}
    found = {}
    for question in questions_of([config for config in command.configs if config.seed == 0]):
        claim, config = question.claim, question.configs[0]
        there = min(config.train_images or IMAGES[config.dataset], IMAGES[config.dataset])
        whole = not config.train_images
        size = config.image_size or 32
        on_its_data = data_of_claim(claim).holds(config.dataset, there, whole, size)
        if on_its_data and len(seeds) >= claim.least_seeds:
            found.setdefault(claim.name, []).append(question.number)
            contrasts = len(claim.contrasts)
            if len(found[claim.name]) == contrasts:
                found[claim.name] = contrasts
    return {name for name, count in found.items() if isinstance(count, int)}


@pytest.mark.parametrize("piece", reproduce.PIECES, ids=lambda piece: f"{piece.study}-{piece.asks}")
def test_each_command_decides_a_claim_or_says_what_else_it_is_for(piece):
    assert bool(decided_by(piece)) != bool(piece.beside), decided_by(piece)


@pytest.mark.parametrize(
    ("study", "asks", "some", "not_these"),
    [
        ("cifar10", "the twelve conditions, controlled", {"faster", "dropout-helps", "bn-beats-dropout"},
         {"bn-is-strong", "both-are-steadier", "less-overfitting"}),
        ("mobilenet", "before or after on flowers, published",
         {"theory", "reports", "alike", "after-converges", "after-larger-loss", "after-later"}, set()),
        ("mobilenet", "before or after on CIFAR-10", {"theory", "reports"}, {"alike"}),
        ("vgg7", "25,000 images of CIFAR-10", {"cifar10-larger-loss"}, {"overfits-less"}),
        ("vgg7", "1,000 images of CIFAR-10", {"overfits-less", "fc-jumps"}, {"cifar10-larger-loss"}),
        ("finetune", "separate on flowers", {"lower-loss", "more-accurate"}, set()),
    ],
)  # fmt: skip
def test_what_they_decide(study, asks, some, not_these):
    [piece] = (piece for piece in reproduce.PIECES if (piece.study, piece.asks) == (study, asks))
    names = {name.removeprefix(f"{study}-") for name in decided_by(piece)}
    assert some <= names
    assert not not_these & names


def test_by_both_recipes_most_claims_of_every_study_can_be_decided():
    for recipe in ("published", "controlled"):
        found = {name for p in reproduce.PIECES if f"--recipe={recipe}" in p.flags for name in decided_by(p)}
        assert {name.split("-")[0] for name in found} >= {"cifar10", "vgg7", "mnist", "mobilenet"}
