"""How far the network's confidence in its answers is from how often they are right (Guo et al. 2017)."""

from typing import TypedDict

from bnjax.field_types import FractionOrNull
from bnjax.probes.probe import Memory, Need, PerPart, Probe, Seen, Shown, rounded


class Calibration(TypedDict):
    """Of the test images, through running statistics; None where the answers are not finite.

    Attributes:
      calibration_error: expected calibration error: the distance of mean confidence and accuracy in each of
        15 equal parts of 0 to 1, weighted by their images (Guo et al. 2017, equation 3).
      mean_confidence: the softmax probability of the class that was rated highest.
    """

    calibration_error: FractionOrNull
    mean_confidence: FractionOrNull


def calibration(images: PerPart, confidence: PerPart, right: PerPart) -> Calibration:
    """From sums over the images in each part of the confidences."""
    count = images.sum()
    apart = abs(confidence - right).sum() / count
    return {
        "calibration_error": rounded(float(apart)),
        "mean_confidence": rounded(float(confidence.sum() / count)),
    }


def _look(seen: Seen, memory: Memory) -> Calibration:
    return calibration(**seen.confidence)


CALIBRATION = Probe(
    name="calibration",
    meaning="expected calibration error over the test images in 15 parts, and the mean probability of the "
    "class that is rated highest, through running statistics",
    source="Guo et al. 2017, section 2",
    cost="a forward pass of the test images",
    needs=Need.CONFIDENCE,
    found=Calibration,
    look=_look,
    shown={
        "calibration_error": Shown("expected calibration error"),
        "mean_confidence": Shown("mean confidence"),
    },
    by_site=False,
)
