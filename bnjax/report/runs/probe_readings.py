"""What claims read of probes: numbers of the network as it is after the last epoch."""

import math
import statistics
from collections.abc import Mapping
from typing import Any, cast

from bnjax.report.runs.recorded import RecordedRun, measured


def _last(run: RecordedRun, probe: str) -> Mapping[str, Any]:
    """What a probe recorded after the last epoch, from the network's first site to its last.

    Raises:
      KeyError: it was not chosen.
    """
    return run.config.in_network_order(cast(Mapping[str, Any], run.epochs[-1])[probe])


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


def last_gradient(run: RecordedRun) -> float:
    """Decades of the norm of the last site's gradient: one more is ten times as long."""
    return math.log10(_gradients(run)[-1])


def norm_input_skew(run: RecordedRun) -> float:
    """After the last epoch, mean over the norms of units with an activation; what ``activations`` records."""
    active = {site.name for site in run.config.sites if site.activates}
    skews = [of["norm_input_skew"] for site, of in _last(run, "activations").items() if site in active]
    return statistics.fmean(skew for skew in skews if skew is not None)


def last_rank(run: RecordedRun) -> float:
    """Directions that a batch's features fill at the last site."""
    *_, last = _last(run, "rank").values()
    return measured(last["effective_rank"])


def last_gap(run: RecordedRun) -> float:
    """Orthogonality gap of a batch's features at the last site."""
    *_, last = _last(run, "rank").values()
    return measured(last["orthogonality_gap"])


def born_dead(run: RecordedRun) -> float:
    """100 where no unit of some site answers any test image, so that all outputs are alike; else 0."""
    sites = _last(run, "dying").values()
    if not sites:
        raise ValueError("no units were counted")
    return 100.0 * any(site["silent"] == site["units"] for site in sites)


def _sums(run: RecordedRun) -> list[tuple[float, float]]:
    """Variances of branch and shortcut, from the first residual sum to the last."""
    branches = _last(run, "branches").values()
    return [(measured(of["branch_variance"]), measured(of["shortcut_variance"])) for of in branches]


def branch_share(run: RecordedRun) -> float:
    """Of the variances of the last sum's two parts, the branch's share in percent."""
    branch, shortcut = _sums(run)[-1]
    return 100 * branch / (branch + shortcut)


def sum_growth(run: RecordedRun) -> float:
    """By which factor a branch multiplies the variance if it is like no shortcut; geometric mean of all."""
    return statistics.geometric_mean((branch + shortcut) / shortcut for branch, shortcut in _sums(run))
