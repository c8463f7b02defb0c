"""Dying units, by two definitions.

*Silent*: the activation's output is <= 0 at every position of every probe example; for a leaky ReLU or a
PReLU, whose output is never dead, its input is < 0 there, and of ``thresholded`` at its threshold or below;
no unit of sigmoid or tanh is. *Flat*: over at least two epochs every update dW of the unit's weights is flat
(maximum equal to minimum), as the dying-ReLU series has it (Qiita, 2017-05).
"""

import math
from typing import Annotated, NotRequired, TypedDict

from bnjax.field_types import AtMost, Count, Fraction
from bnjax.probes.probe import Kernel, Memory, Need, PerFeature, Probe, Seen, Shown, WhichUnits

EPOCHS_TO_BE_FLAT = 2


class Units(TypedDict):
    """The units of a site, counted at the end of an epoch."""

    silent: Annotated[Count, AtMost("units")]
    flat: Annotated[Count | None, AtMost("units")]
    units: Count
    active: NotRequired[Fraction]


def silent_units(activation_input_max: PerFeature, activation: str) -> WhichUnits:
    """Which units were silent.

    Args:
      activation_input_max: the largest input of the activation over examples and positions.
      activation: its name in flags.
    """
    if activation in ("leaky_relu", "prelu"):
        return activation_input_max < 0
    if activation in ("sigmoid", "tanh"):  # they saturate on both sides
        return activation_input_max < -math.inf
    return activation_input_max <= 0


def flat_updates(before: Kernel, after: Kernel) -> WhichUnits:
    """Which units have an update dW = after - before that is flat: its largest element equals the smallest.

    Args:
      before, after: kernels at the start and the end of an epoch.
    """
    update = (after - before).reshape(-1, after.shape[-1])
    return update.max(0) == update.min(0)


def silent(seen: Seen) -> dict[str, WhichUnits]:
    """Site -> the silent units."""
    return {site: silent_units(largest, seen.activation) for site, largest in seen.largest_input.items()}


def flat(seen: Seen, memory: Memory) -> dict[str, WhichUnits]:
    """Site -> the flat units; of the sites whose kernels are trained.

    Args:
      memory: site -> int [features], for how many epochs in a row each unit's update has been flat.
    """
    return {site: memory[site] >= EPOCHS_TO_BE_FLAT for site in memory if site in seen.trained}


def _count_epochs(seen: Seen, memory: Memory) -> None:
    import numpy as np

    for site, kernel in seen.kernels.items():
        now = flat_updates(seen.kernels_before[site], kernel)
        streak = memory.get(site, np.zeros(now.shape, np.int64))
        memory[site] = np.where(now, streak + 1, 0)


def _look(seen: Seen, memory: Memory) -> dict[str, Units]:
    import numpy as np

    _count_epochs(seen, memory)
    flat_now = flat(seen, memory)
    return {
        site: {
            "silent": int(units.sum()),
            "flat": int(flat_now[site].sum()) if site in flat_now else None,
            "units": units.size,
            "active": round(float(np.median(seen.active[site])), 6),
        }
        for site, units in silent(seen).items()
    }


DYING = Probe(
    name="dying",
    meaning="units counted at the end of the epoch, and the fraction of test images on which the median "
    "unit is active; flat is null where the kernel is not trained, and sums over sites leave that site out",
    source="the dying-ReLU series (Qiita, 2017-05)",
    cost="nothing: it looks at what the evaluation computes",
    needs=Need.KERNELS | Need.ACTIVATIONS,
    found=Units,
    look=_look,
    shown={"silent": Shown("silent units, part of the site's", part_of="units")},
    summed=("silent", "flat", "units"),
    in_all_records=True,
)
