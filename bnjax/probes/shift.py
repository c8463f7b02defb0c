"""How far a norm's input in evaluation is from what it met in training: dropout in front of it, for example.

Dropout leaves means as they are and makes variances larger, in training alone (Li et al. 2018).
"""

from typing import TypedDict

from bnjax.field_types import SizeOrNull
from bnjax.probes.probe import Memory, Moments, Need, Probe, Seen, Shown, median


class Shift(TypedDict):
    """What evaluation changes of a norm's input.

    Attributes:
      variance_shift: its variance in evaluation as a multiple of that in training, with the same weights and
        images: the median over the features that vary; None where none does.
    """

    variance_shift: SizeOrNull


def shift(evaluation: Moments, training: Moments) -> Shift:
    """The moments of one mode against those of the other."""
    varies = training.var > 0
    return {"variance_shift": median(evaluation.var[varies] / training.var[varies])}


def _look(seen: Seen, memory: Memory) -> dict[str, Shift]:
    return {site: shift(seen.evaluation[site], fresh) for site, fresh in seen.fresh.items()}


SHIFT = Probe(
    name="shift",
    meaning="the variance of each norm's input in evaluation as a multiple of that in training, median over "
    "features",
    source="Li et al. 2018, section 3",
    cost="a forward pass over --fresh_images",
    needs=Need.EVALUATION,
    found=Shift,
    look=_look,
    shown={"variance_shift": Shown("variance of norm inputs, evaluation over training", "ratio")},
)
