"""A study: one published text or paper as data, from what was asked to what it concluded."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, Data

#: What ``controlled`` changes of a recipe: shuffled every epoch, inputs standardised.
CONTROLLED: Mapping[str, Any] = {
    "recipe": "controlled",
    "shuffle": "epoch",
    "input_scale": "standardize",
}
RECIPES = ("published", "controlled")


@dataclass(frozen=True)
class Study:
    """One published text or paper, what its authors ran, and what follows from it here.

    Attributes:
      name: of the command that runs it, and of its records; of a paper its first author and year.
      about: its subject, in English.
      title: its own title, in its own language.
      author: as the text names its author; empty where it does not. Several are joined by ``and``.
      place: where it appeared.
      date: when, ISO 8601, as precisely as it is known.
      link: its address, or that of its code; empty where none is confirmed.
      ran: what its author ran.
      published: the recipe as its author ran it.
      data: what its conclusions were said of, and what counts for the same.
      sweeps: name -> conditions.
      claims: its conclusions, in the order of the text.
      unnamed: settings of its recipe that it neither names nor speaks of: runs with other values answer its
        claims too, each value apart; but for none where it has some.
      said: what it says of the figure of a sweep, in a few words.
      question: what it asks, in our words.
      main_claim: the name of the claim that answers it best; empty where no claim is above the others.
      second_claim: of one that answers what the question asks besides; empty where it asks one thing.
      does: what a command of it does, in one sentence.
      examples: flags -> what they are for, for the help.
      kind: a text asks one of the questions that bnjax began with, and is reproduced as it was published. Of
        a paper the best known claims alone are tested, by the smallest experiment that can show them; its
        claims are counted apart.
      same: what of that experiment is as a paper has it, and
      differs: what is not.
    """

    name: str
    about: str
    title: str
    author: str
    place: str
    date: str
    link: str
    ran: str
    published: Config
    data: Data
    sweeps: Mapping[str, Conditions]
    claims: tuple[Claim, ...]
    said: Mapping[str, str] = field(default_factory=dict)
    question: str = ""
    main_claim: str = ""
    second_claim: str = ""
    does: str = ""
    examples: Mapping[str, str] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()
    kind: Literal["text", "paper"] = "text"
    same: str = ""
    differs: str = ""

    @property
    def appeared(self) -> str:
        """Place and date, for people."""
        return f"{self.place}, {self.date}"

    def recipe(self, name: str) -> Config:
        """The settings of ``published`` or ``controlled``.

        Raises:
          KeyError: no recipe has that name.
        """
        changes: dict[str, Mapping[str, Any]] = {"published": {}, "controlled": CONTROLLED}
        return dataclasses.replace(self.published, study=self.name, **changes[name])


def crossed(first: Conditions, second: Conditions) -> Conditions:
    """Every condition of the one with every one of the other; a name may be empty."""
    return {", ".join(filter(None, (a, b))): {**first[a], **second[b]} for a in first for b in second}
