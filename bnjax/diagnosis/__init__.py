"""What the records of a run show, in words: rules with their thresholds and sources, one registry.

Reads records only, and imports no JAX. A new rule is a :class:`~bnjax.diagnosis.rule.Rule` and its name
below.
"""

from collections.abc import Iterable

from bnjax.diagnosis.evaluation import CALIBRATION, LAG, SHIFT
from bnjax.diagnosis.network import COLLAPSED, DIVERGED, EXPLODING, SHARP, SKEWED
from bnjax.diagnosis.rule import Finding, History, Rule
from bnjax.diagnosis.units import FLAT, SILENT

#: By name, the weightiest first.
RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        *(DIVERGED, LAG, SILENT, SHIFT, EXPLODING),
        *(COLLAPSED, SHARP, CALIBRATION, FLAT, SKEWED),
    )
}


def diagnosed(history: History) -> list[Finding]:
    """What is found of a run, in the order of the rules; nothing where its records show nothing."""
    return [finding for rule in RULES.values() for finding in rule.findings(history)]


def not_looked_at(histories: Iterable[History]) -> list[str]:
    """The names of rules that none of the runs recorded anything for."""
    return [name for name, rule in RULES.items() if not any(map(rule.applies, histories))]


__all__ = ["RULES", "Finding", "History", "Rule", "diagnosed", "not_looked_at"]
