"""Internal covariate shift as a change of gradients: what the steps of the layers below do to a layer's own.

Santurkar et al. 2018 (definition 2.1) take the gradient of a layer's weights before and after all layers
below have taken their step, with the layer itself and those above it as they were.
"""

from typing import TypedDict

from bnjax.field_types import CosineOrNull, SizeOrNull
from bnjax.probes.probe import Memory, Need, Probe, Seen, Shown, rounded


class Moved(TypedDict):
    """What a step of all units below changes of a kernel's gradient; None where that is 0 or not finite.

    Attributes:
      gradient_shift: L2 norm of the difference.
      gradient_cosine: cosine between both: 1 where they point in one direction.
    """

    gradient_shift: SizeOrNull
    gradient_cosine: CosineOrNull


def _cosine(number: float) -> float | None:
    return rounded(max(-1.0, min(1.0, number))) if number == number else None


def _look(seen: Seen, memory: Memory) -> dict[str, Moved]:
    return {
        site: {"gradient_shift": rounded(distance), "gradient_cosine": _cosine(cosine)}
        for site, (distance, cosine) in seen.below.items()
    }


COVARIATE_SHIFT = Probe(
    name="covariate-shift",
    meaning="what an optimizer step of all units below, on one batch, changes of the gradient by a trained "
    "kernel: L2 norm of the difference, and cosine; for all such sites with something trained below",
    source="Santurkar et al. 2018, definition 2.1",
    cost="a training step, and one for each site",
    needs=Need.BELOW,
    found=Moved,
    look=_look,
    shown={
        "gradient_shift": Shown("change of the gradient by steps below, L2 norm", "log"),
        "gradient_cosine": Shown("cosine of the gradient before and after steps below", "signed"),
    },
)
