"""What probes of runs ask of the devices at the end of an epoch, beside the evaluation."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from bnjax.data.batches import Batch, SpreadOrder, spread_batches
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.probes import Need, chosen_probes, needs_of
from bnjax.probes.probe import Moments
from bnjax.runs.training import Run
from bnjax.train.feeding import Feeding
from bnjax.train.mesh import local
from bnjax.train.state import TrainState
from bnjax.train.steps.eval_step import EvalStep
from bnjax.train.steps.fresh import FreshStep, fresh_order, pooled_units
from bnjax.train.steps.observe import Observers


@dataclass(frozen=True)
class Measuring:
    """What measures the runs of one program: a run by itself, or those of lanes.

    Attributes:
      eval_step, fresh_step: compiled for one state, or for the stacked ones of lanes.
      observers: what probes ask for, likewise.
      model: what they compute.
    """

    eval_step: EvalStep
    fresh_step: FreshStep
    observers: Observers
    model: Network
    feeding: Feeding


def observe(
    runs: Sequence[Run], state: TrainState, statistics: Sequence[Any], epoch: int, measuring: Measuring
) -> list[dict[str, Any]]:
    """What the probes of each run ask for, by the attributes of :class:`bnjax.probes.Seen` that it becomes.

    Args:
      runs, state: as :func:`bnjax.runs.measure.measure` takes them.
      statistics: the state's own, and fresh ones where there are any.
    """
    needs, observed = needs_of(chosen_probes(runs[0].config.probes)), [dict[str, Any]() for _ in runs]

    def keep(name: str, of_lanes: Sequence[Mapping[str, Any]]) -> None:
        for mine, found in zip(observed, of_lanes, strict=False):  # lanes behind the runs count nothing
            mine[name] = found

    if needs & (Need.STATISTICS | Need.EVALUATION) and statistics[1:]:
        for name, batch_stats in zip(("running", "fresh"), statistics, strict=True):
            norms = _by_lane(batch_stats, measuring)
            keep(name, [_moments(run, of_run) for run, of_run in zip(runs, norms, strict=False)])
    if Need.EVALUATION in needs and statistics[1:]:
        moments = measuring.observers[Need.EVALUATION]
        found = [moments(state, statistics[1], batch) for batch in _batches(runs[0], epoch, measuring)]
        keep("evaluation", [_pooled(of_run) for of_run in _by_lane(found, measuring)])
    if Need.GRADIENTS in needs:
        batch = next(_batches(runs[0], epoch, measuring))
        norms = _by_lane(measuring.observers[Need.GRADIENTS](state, statistics[-1], batch), measuring)
        keep("gradients", [{site: float(norm) for site, norm in of_run.items()} for of_run in norms])
    return observed


def _by_lane(found: Any, measuring: Measuring) -> list[Any]:
    return measuring.feeding.by_lane(jax.device_get(local(found)))


def _batches(run: Run, epoch: int, measuring: Measuring) -> Iterator[Batch]:
    """The training images that fresh statistics are computed from; a batch where there are none."""
    train, size = run.fed.train, run.config.batch_size
    order = fresh_order(run.config, len(train)) or SpreadOrder(len(train), size, size, run.config.seed)
    feeding = measuring.feeding
    return map(feeding.placed, spread_batches(train, order, epoch, feeding.rows(size)))


def _moments(run: Run, batch_stats: Mapping[str, Any]) -> dict[str, Moments]:
    """Site -> statistics, of the norms that a run has and that fresh ones are computed of."""
    units = pooled_units(run.model) & run.model.used(dict(batch_stats)).keys()
    norms = {
        site.name: batch_stats[unit_name(site.name)]["norm"]
        for site in run.model.sites
        if unit_name(site.name) in units
    }
    return {site: Moments(norm["mean"], norm["var"]) for site, norm in norms.items()}


def _pooled(parts: Sequence[Mapping[str, tuple[np.ndarray, np.ndarray]]]) -> dict[str, Moments]:
    """Site -> moments over batches of one size, from those of each."""
    found = {}
    for site in parts[0]:
        means, variances = (np.stack([part[site][which] for part in parts]) for which in (0, 1))
        found[site] = Moments(means.mean(0), variances.mean(0) + means.var(0))
    return found
