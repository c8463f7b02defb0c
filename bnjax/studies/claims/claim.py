"""What a claim is: a published conclusion written as a test over records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from bnjax.studies.recipes import EXPERIMENTS, Conditions

#: ``alike``: within the margin of ``against``; ``not lower``: above ``against`` less the margin.
Expected = Literal["lower", "higher", "alike", "not lower", "not higher"]


class Source(NamedTuple):
    """A published text: what it is about, where and when it appeared, and what it ran."""

    title: str
    where: str
    ran: str


SOURCES: dict[str, Source] = {
    "vgg7": Source(
        "Where to put Batch Normalization in VGG7",
        "Qiita, 2018-10-02",
        "Keras 2.2.2, cartoon faces, 400 epochs, one run each, curves of the validation loss",
    ),
    "cifar10": Source(
        "Batch Normalization and dropout on CIFAR-10",
        "Qiita, 2018-06-10",
        "TensorFlow 1.8, CIFAR-10, 12 conditions, 400 epochs, one run each",
    ),
    "mnist": Source(
        "Dying ReLU and Batch Normalization, third part",
        "Qiita, 2017-05",
        "MNIST, one hidden layer of 256, 100 epochs, one run each",
    ),
    "mobilenet": Source(
        "Batch Normalization before or after ReLU",
        "iT Ironman, 2021-10, day 26",
        "TensorFlow 2, MobileNetV2, 100 epochs, one run each",
    ),
    "finetune": Source(
        "Training Batch Normalization alone in the frozen part of a network",
        "Qiita, 2019-07-21",
        "Keras, InceptionV3 from ImageNet, 2,609 photographs of clothing, one run each",
    ),
}


@dataclass(frozen=True)
class Contrast:
    """A weighted sum over conditions of one reading, seed by seed, and what was said of it.

    Attributes:
      name: for people, such as ``with BN minus without BN``.
      weights: condition -> weight, such as 1 and -1; a single 1 reads a condition's own level.
      reading: a name in :data:`bnjax.report.runs.readings.READINGS`.
      expected: where the sum should lie.
      against: the number that it is held against, in the reading's unit.
      margin: how far from that still counts as alike.
      published: the value that the text gives, or what its logs do; empty where it shows curves alone.
      size: lowest and highest published value, where there are numbers.
    """

    name: str
    weights: Mapping[str, float]
    reading: str
    expected: Expected
    against: float = 0.0
    margin: float = 0.0
    published: str = ""
    size: tuple[float, float] | None = None


@dataclass(frozen=True)
class Claim:
    """One conclusion of one text, in our words.

    Attributes:
      name: short and unique, for links and tables.
      source: a key of :data:`SOURCES`, and the experiment of :mod:`bnjax.studies.recipes` that runs it.
      place: where in the text it stands.
      said: what it says.
      conditions: name -> the settings that make it, as in a sweep.
      contrasts: all of them must hold.
      sweep: what ``--sweep`` makes the conditions, and
      vary: what ``--vary`` does.
      dataset: where it was said of one data set alone.
      epochs: how many its author trained.
      unmeasured: why no record can tell, in place of contrasts.
    """

    name: str
    source: str
    place: str
    said: str
    conditions: Conditions
    contrasts: tuple[Contrast, ...]
    sweep: str = ""
    vary: str = ""
    dataset: str = ""
    epochs: int = 0
    unmeasured: str = ""

    def command(self, recipe_name: str, seeds: int = 5) -> str:
        """What would run it; empty where no experiment does."""
        if self.source not in EXPERIMENTS or not self.contrasts:
            return ""
        parts = [f"python experiments/{self.source}.py"]
        parts += [f"--sweep={self.sweep}"] if self.sweep else []
        parts += [f"--vary='{self.vary}'"] if self.vary else []
        parts += [f"--recipe={recipe_name}"] if recipe_name != "published" else []
        parts += [f"--epochs={self.epochs}"] if self.epochs else []
        return " ".join([*parts, f"--seeds={seeds}"])


def minus(ours: str, reference: str, reading: str, expected: Expected, **more: Any) -> Contrast:
    """One condition minus another."""
    return Contrast(f"{ours} minus {reference}", {ours: 1.0, reference: -1.0}, reading, expected, **more)


def mean_minus(
    name: str, ours: tuple[str, ...], reference: tuple[str, ...], reading: str, expected: Expected
) -> Contrast:
    """The mean of some conditions minus the mean of others, which share none."""
    weights = {condition: 1 / len(ours) for condition in ours}
    return Contrast(
        name, weights | {condition: -1 / len(reference) for condition in reference}, reading, expected
    )


def level(condition: str, reading: str, expected: Expected, against: float = 0.0, **more: Any) -> Contrast:
    """A condition's own value, held against a number."""
    return Contrast(condition, {condition: 1.0}, reading, expected, against, **more)
