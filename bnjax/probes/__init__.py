"""Diagnostics of what norms do to a network: one file each, and this registry.

A new probe is a file here and its name in the tuple below, or one that a plugin registers; see
:class:`bnjax.probes.probe.Probe`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bnjax.probes.activations import ACTIVATIONS
from bnjax.probes.branches import BRANCHES
from bnjax.probes.calibration import CALIBRATION
from bnjax.probes.covariate_shift import COVARIATE_SHIFT
from bnjax.probes.dying import DYING
from bnjax.probes.gradients import GRADIENTS
from bnjax.probes.lag import LAG
from bnjax.probes.landscape import LANDSCAPE
from bnjax.probes.probe import Memory, Need, Probe, Seen
from bnjax.probes.rank import RANK
from bnjax.probes.sharpness import SHARPNESS
from bnjax.probes.shift import SHIFT

#: Of each probe by its name.
Memories = dict[str, Memory]

#: By name, in the order of the help and of records.
PROBES: dict[str, Probe] = {
    one.name: one
    for one in (
        *(DYING, LAG, SHIFT, GRADIENTS, ACTIVATIONS),
        *(RANK, BRANCHES, CALIBRATION, COVARIATE_SHIFT, LANDSCAPE, SHARPNESS),
    )
}
#: In the place of names.
ALL, NONE = "all", "none"


def chosen_probes(text: str) -> tuple[Probe, ...]:
    """The probes that a text such as ``all``, ``none`` or ``dying,lag`` names, in the registry's order.

    Raises:
      ValueError: says what is no probe, and which ones there are.
    """
    for name in _names(text):
        if name not in PROBES:
            raise ValueError(f"{name!r} is not {ALL}, {NONE} or one of {', '.join(PROBES)}")
    return known_probes(text)


def known_probes(text: str) -> tuple[Probe, ...]:
    """The same of a record, which may name the probes of a plugin: those that there are."""
    return tuple(probe for name, probe in PROBES.items() if name in _names(text))


def _names(text: str) -> list[str]:
    if text in (ALL, NONE):
        return list(PROBES) if text == ALL else []
    return [name.strip() for name in text.split(",")]


def due_probes(text: str, epoch: int, every: int, last: int) -> tuple[Probe, ...]:
    """Those of :func:`chosen_probes` that look after an epoch.

    Args:
      epoch: from 1; ``last`` is that of the run.
      every: how many epochs lie between two looks of those that cost something.
    """
    due = epoch % every == 0 or epoch == last
    return tuple(probe for probe in chosen_probes(text) if due or probe.is_free)


def looked(
    probes: Sequence[Probe], seen: Seen, memories: Memories, chosen: Sequence[Probe] = ()
) -> dict[str, Mapping[str, Any]]:
    """What probes record of an epoch, by their names.

    Args:
      chosen: what others are asked for; they record that nothing was looked at.
      memories: of each probe by its name, from the epochs before; changed in place.
    """
    looked_at = {probe.name: probe.look(seen, memories.setdefault(probe.name, {})) for probe in probes}
    return {**nothing_looked_at(chosen), **looked_at}


def nothing_looked_at(probes: Sequence[Probe]) -> dict[str, Mapping[str, Any]]:
    """What they record of an epoch of which nothing is known."""
    return {name: {} for name, probe in PROBES.items() if probe in probes or probe.in_all_records}


def needs_of(probes: Sequence[Probe]) -> Need:
    """What any of them needs."""
    needs = Need.NOTHING
    for probe in probes:
        needs |= probe.needs
    return needs


__all__ = [
    *("ALL", "NONE", "PROBES", "Memories", "Need", "Probe", "Seen"),
    *("chosen_probes", "due_probes", "known_probes", "looked", "needs_of", "nothing_looked_at"),
]
