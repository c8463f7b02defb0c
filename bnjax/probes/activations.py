"""How the inputs of activations and norms are spread and skewed, by site.

Ioffe and Szegedy 2015 follow percentiles of a unit's input over training (figure 1). That a norm stands
better before the activation is often argued from skew: what a rectifier gives is skewed, and mean and
variance describe it badly; what it takes "is more likely to have a symmetric, non-sparse distribution"
(section 3.2).
"""

from typing import TypedDict

from bnjax.field_types import NumberOrNull, SizeOrNull
from bnjax.probes.probe import Arrays, Memory, Need, PerFeature, Probe, Seen, Shown, rounded


class Inputs(TypedDict):
    """How values of units are spread over images and positions; None where nothing varies, or there is none.

    Attributes:
      input_5th, input_median, input_95th: percentiles of the activation's input, means over units.
      input_skew: its third standardised moment, without sign, mean over the units that vary.
      norm_input_skew: the same of the norm's input.
    """

    input_5th: NumberOrNull
    input_median: NumberOrNull
    input_95th: NumberOrNull
    input_skew: SizeOrNull
    norm_input_skew: SizeOrNull


def mean_size(numbers: PerFeature) -> float | None:
    """The mean without signs of those that are numbers; None where none is."""
    import numpy as np

    known = numbers[np.isfinite(numbers)].astype(np.float64)
    return rounded(float(np.abs(known).mean())) if known.size else None


def inputs(of: Arrays, normed: bool) -> Inputs:
    """From what was seen of a site, see :class:`bnjax.probes.Seen`.

    Args:
      normed: whether it has a norm; gates may have switched one off that was computed all the same.
    """
    import numpy as np

    low = middle = high = None
    if "values" in of:
        percentiles = np.percentile(of["values"].astype(np.float64), [5, 50, 95], axis=0).mean(1)
        low, middle, high = (rounded(float(number)) for number in percentiles)
    return {
        "input_5th": low,
        "input_median": middle,
        "input_95th": high,
        "input_skew": mean_size(of["skew"]) if "skew" in of else None,
        "norm_input_skew": mean_size(of["norm_skew"]) if normed and "norm_skew" in of else None,
    }


def _look(seen: Seen, memory: Memory) -> dict[str, Inputs]:
    return {site: inputs(of, site in seen.normed) for site, of in seen.inputs.items()}


ACTIVATIONS = Probe(
    name="activations",
    meaning="percentiles of the activation's input, means over units, and the skew without sign of that and "
    "of the norm's input, means over the units that vary; on one batch in evaluation mode",
    source="Ioffe and Szegedy 2015, figure 1 and section 3.2",
    cost="a forward pass of a batch, and sorting 4,096 values of each unit",
    needs=Need.INPUTS,
    found=Inputs,
    look=_look,
    shown={
        "input_median": Shown("median of the activation's input", "signed"),
        "input_skew": Shown("skew of the activation's input, without sign"),
        "norm_input_skew": Shown("skew of the norm's input, without sign"),
    },
)
