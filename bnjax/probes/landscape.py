"""How the training loss and its gradient change along the gradient (Santurkar et al. 2018, section 3.1).

Steps of 0.05 to 0.4 times the gradient, half to four times the rate of 0.1 that is common with SGD; the same
whatever the run's optimizer, so that runs can be compared.
"""

from typing import TypedDict

from bnjax.field_types import SizeOrNull
from bnjax.probes.probe import Memory, Need, PerRate, Probe, Seen, Shown, rounded

#: What multiplies the gradient.
RATES = (0.05, 0.1, 0.2, 0.4)


class Landscape(TypedDict):
    """Along the gradient of one batch; None where something is not finite.

    Attributes:
      loss_range: highest minus lowest training loss over the steps, the start among them.
      gradient_change: the largest L2 distance of a step's gradient from that at the start.
      smoothness: the largest of these distances over the step's length, which bounds the curvature met
        ("effective beta-smoothness").
    """

    loss_range: SizeOrNull
    gradient_change: SizeOrNull
    smoothness: SizeOrNull


def landscape(
    rate: PerRate, loss: PerRate, loss_there: PerRate, length: PerRate, change: PerRate
) -> Landscape:
    """From what was met at each step: see :class:`bnjax.probes.Seen`."""
    losses = [*map(float, loss), *map(float, loss_there)]
    bounded = max(losses) - min(losses) if all(number == number for number in losses) else float("nan")
    return {
        "loss_range": rounded(bounded),
        "gradient_change": rounded(float(change.max())),
        "smoothness": rounded(float((change / (rate * length)).max())) if length.all() else None,
    }


def _look(seen: Seen, memory: Memory) -> Landscape:
    return landscape(**seen.landscape)


LANDSCAPE = Probe(
    name="landscape",
    meaning="over steps of 0.05 to 0.4 times the gradient of one batch: range of the training loss, largest "
    "L2 change of its gradient, and largest change over the step's length",
    source="Santurkar et al. 2018, section 3.1",
    cost="five training steps",
    needs=Need.LANDSCAPE,
    found=Landscape,
    look=_look,
    shown={
        "loss_range": Shown("range of the loss along the gradient, nats", "log"),
        "gradient_change": Shown("change of the gradient along itself, L2 norm", "log"),
        "smoothness": Shown("effective smoothness along the gradient", "log"),
    },
    by_site=False,
)
