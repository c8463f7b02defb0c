"""The studies: one file for each published text, and this registry.

A new study is a file with a :class:`~bnjax.studies.study.Study` and its name in the list below, or, of a
paper, in that of :mod:`bnjax.studies.papers`.
"""

from collections.abc import Mapping
from typing import Any

from bnjax.settings.config import Config
from bnjax.studies.cifar10 import CIFAR10
from bnjax.studies.claim import Claim, Conditions, Contrast
from bnjax.studies.finetune import FINETUNE
from bnjax.studies.mnist import MNIST
from bnjax.studies.mobilenet import MOBILENET
from bnjax.studies.papers import PAPERS
from bnjax.studies.study import RECIPES, Study, crossed
from bnjax.studies.vgg7 import VGG7

#: By name, in the order of the report.
STUDIES: dict[str, Study] = {
    study.name: study for study in (VGG7, CIFAR10, MNIST, MOBILENET, FINETUNE, *PAPERS)
}
#: Every conclusion of every text, in the order of the texts and of their sections.
CLAIMS: list[Claim] = [claim for study in STUDIES.values() for claim in study.claims]


def studies_of(kind: str) -> dict[str, Study]:
    """The studies of ``text`` or ``paper`` by their names, those that plugins brought with them."""
    return {name: study for name, study in STUDIES.items() if study.kind == kind}


def recipe(study: str, name: str) -> Config:
    """The settings of a study's recipe: ``published`` or ``controlled``.

    Raises:
      KeyError: no study or no recipe has that name.
    """
    return STUDIES[study].recipe(name)


def guessed_study(config: Mapping[str, Any]) -> str:
    """The study of a run that was recorded before records named it, from its settings.

    Returns:
      The study that fine-tunes for a run that does, else the one whose network it has; empty for another
      network.
    """
    if config.get("freeze_until") or config.get("weights", "none") != "none":
        return FINETUNE.name
    texts = reversed(studies_of("text").values())  # the oldest counts; papers came after records named them
    models = {study.published.model: study.name for study in texts}
    return models.get(config["model"], "")


__all__ = [
    "CLAIMS",
    "RECIPES",
    "STUDIES",
    "Claim",
    "Conditions",
    "Contrast",
    "Study",
    "crossed",
    "guessed_study",
    "recipe",
    "studies_of",
]
