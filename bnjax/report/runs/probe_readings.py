"""What claims read of probes: numbers of the network as it is after the last epoch."""

import math
from collections.abc import Mapping
from typing import Any, cast

from bnjax.report.runs.recorded import RecordedRun, measured


def _last(run: RecordedRun, probe: str) -> Mapping[str, Any]:
    """What a probe recorded after the last epoch.

    Raises:
      KeyError: it was not chosen.
    """
    return cast(Mapping[str, Any], run.epochs[-1])[probe]


def _gradients(run: RecordedRun) -> list[float]:
    """Norms of the kernels' gradients, from the first hidden layer to the last.

    Raises:
      ValueError: one is not finite.
    """
    return [measured(of["gradient_norm"]) for of in _last(run, "gradients").values()]


def gradient_growth(run: RecordedRun) -> float:
    """By which factor gradients grow from layer to layer towards the input, from the last to the second.

    The first layer is left out: its kernel has another shape.
    """
    _, second, *_, last = _gradients(run)
    return (second / last) ** (1 / (len(_last(run, "gradients")) - 2))


def gradient_range(run: RecordedRun) -> float:
    """Decades between the largest and the smallest norm of gradients, but for the first layer's."""
    _, *norms = _gradients(run)
    return math.log10(max(norms) / min(norms))
