"""A claim: a published conclusion written as a test over records."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bnjax.settings.command_line import CommandLine
from bnjax.settings.config import Config

#: A condition's name -> the settings that make it.
Conditions = dict[str, dict[str, Any]]

#: ``alike``: within the margin of ``against``; ``not lower``: above ``against`` less the margin.
Expected = Literal["lower", "higher", "alike", "not lower", "not higher"]


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
      source: the name of its study.
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
        """The command that runs it; empty where no record can tell."""
        if not self.contrasts:
            return ""
        recipe = recipe_name if recipe_name != Config.recipe else ""
        asked = {"sweep": self.sweep, "vary": self.vary, "recipe": recipe, "epochs": self.epochs}
        flags = {name: value for name, value in asked.items() if value}
        return str(CommandLine(self.source, {**flags, "seeds": seeds}))


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
