"""A claim: a published conclusion written as a test over records."""

import math
from collections.abc import Callable, Mapping
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
class Data:
    """The data that a conclusion speaks of; on any other the same question is answered apart.

    Attributes:
      told: in words.
      names: data sets, each as a whole or
      part: the least number of its training images, of all its classes; 0: as a whole alone.
      images: the fewest and the most training images of any other set that counts for the same; (0, 0): no
        other does.
      image_size: the least height and width; 0: any.
    """

    told: str
    names: tuple[str, ...]
    images: tuple[int, int] = (0, 0)
    image_size: int = 0
    part: int = 0

    def holds(
        self,
        name: str,
        train_images: int | None,
        whole: bool,
        image_size: int | None,
        all_classes: bool = True,
    ) -> bool:
        """Whether runs are on such data.

        Args:
          name: of the data set, without a version.
          train_images: how many were trained on, where that is known.
          whole: whether those were all of the set, of all its classes.
          image_size: the smaller of height and width, where that is known.
          all_classes: whether they were of all its classes.
        """
        if image_size and image_size < self.image_size:
            return False
        count, (fewest, most) = train_images or 0, self.images
        enough = whole or (all_classes and count >= self.part > 0)
        return (enough and name in self.names) or fewest <= count <= most > 0


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
      data: what data it was said of; None: that of its study.
      epochs: how many its author trained.
      least_share: the share of those epochs without which runs cannot show it.
      least_seeds: fewer seeds decide nothing.
      note: what a reader should know of how we read it.
      run_by: the study whose recipe and conditions test it; empty for its own.
      probes: what ``--probes`` has to be for its readings; empty: the default will do.
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
    data: Data | None = None
    epochs: int = 0
    least_share: float = 0.25
    least_seeds: int = 5
    note: str = ""
    run_by: str = ""
    probes: str = ""
    unmeasured: str = ""

    @property
    def tested_by(self) -> str:
        """The name of the study whose recipe and conditions test it."""
        return self.run_by or self.source

    @property
    def least_epochs(self) -> int:
        """Runs of fewer epochs cannot show it."""
        return max(1, math.ceil(self.least_share * self.epochs))

    def command(self, recipe_name: str, seeds: int = 5) -> str:
        """The command that runs it; empty where no record can tell."""
        if not self.contrasts:
            return ""
        recipe = recipe_name if recipe_name != Config.recipe else ""
        asked = {
            **{"sweep": self.sweep, "vary": self.vary, "probes": self.probes},
            **{"recipe": recipe, "epochs": self.epochs},
        }
        flags = {name: value for name, value in asked.items() if value}
        return str(CommandLine(self.tested_by, {**flags, "seeds": seeds}))


def claims_of(
    source: str, sweeps: Mapping[str, Conditions], epochs: int, **shared: Any
) -> Callable[..., Claim]:
    """What makes a text's claims of what tells them apart.

    Args:
      source: the name of its study.
      sweeps: those of its study.
      epochs: how many its author trained.
      **shared: what else its claims have in common.

    Returns:
      (name, place, said, *contrasts, sweep, **more) -> claim; without a sweep it is the first one, and none
      where that is empty. What one of them says by itself goes before what is shared.
    """

    def claim(
        name: str, place: str, said: str, *contrasts: Contrast, sweep: str = next(iter(sweeps)), **more: Any
    ) -> Claim:
        conditions = sweeps[sweep] if sweep else {}
        told = {"sweep": sweep, "epochs": epochs, **shared, **more}
        return Claim(f"{source}-{name}", source, place, said, conditions, contrasts, **told)

    return claim


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
