"""What a rule of diagnosis is: from the records of a run to what ails it, in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from bnjax.settings.config import Config

#: This many of the sites that a rule finds are named.
_MOST_SITES = 3


@dataclass(frozen=True)
class History:
    """What is known of a run.

    Attributes:
      config: its settings, resolved.
      epochs: its ``epoch`` records, or their fields.
    """

    config: Config
    epochs: Sequence[Mapping[str, Any]]

    @cached_property
    def sound(self) -> list[Mapping[str, Any]]:
        """The epochs that ended with a finite loss."""
        return [epoch for epoch in self.epochs if epoch.get("status", "ok") == "ok"]

    def last(self, name: str) -> Any:
        """A field of the last sound epoch; None where there is none, or it is null or empty.

        What a probe records is of the last such epoch in which it looked; what is recorded by site comes
        from the network's first site to its last.
        """
        values = [epoch.get(name) for epoch in self.sound]
        looks = [value for value in values if isinstance(value, Mapping) and value]
        if looks:
            return self.config.in_network_order(looks[-1])
        return (values[-1] or None) if values else None


class Finding(NamedTuple):
    """What a rule says of a run, and who found that it matters."""

    rule: str
    words: str
    source: str


@dataclass(frozen=True)
class Rule:
    """One thing that records can show.

    Attributes:
      name: for links and tests.
      needs: the field of an epoch's record that it reads; without it nothing is said.
      threshold: the number at which it begins to speak, and
      means: what number that is, for people.
      source: who found that it matters.
      find: (history, threshold) -> what it says, each a sentence without its full stop.
    """

    name: str
    needs: str
    threshold: float
    means: str
    source: str
    find: Callable[[History, float], list[str]]

    def applies(self, history: History) -> bool:
        """Whether the run recorded what the rule reads."""
        return any(epoch.get(self.needs) not in (None, {}) for epoch in history.epochs)

    def findings(self, history: History) -> list[Finding]:
        """What it says of a run."""
        return [Finding(self.name, words, self.source) for words in self.find(history, self.threshold)]


def listed(told: Sequence[str]) -> str:
    """The first few of what was found at sites, and how many more there are."""
    more = len(told) - _MOST_SITES
    return ", ".join(told[:_MOST_SITES]) + (f" and {more} more sites" if more > 0 else "")
