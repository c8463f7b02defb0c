"""What probes of runs ask of the devices at the end of an epoch, beside the evaluation."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bnjax.data.batches import Batch, SpreadOrder, eval_batches, spread_batches
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.probes import Need, needs_of
from bnjax.probes.landscape import RATES
from bnjax.probes.probe import Moments
from bnjax.probes.sharpness import ENOUGH, MOST_STEPS, largest_eigenvalue
from bnjax.runs.training import Run
from bnjax.train.feeding import Feeding
from bnjax.train.mesh import local
from bnjax.train.partition import split
from bnjax.train.state import TrainState
from bnjax.train.steps.eval_step import EvalStep
from bnjax.train.steps.fresh import FreshStep, fresh_order, pooled_units
from bnjax.train.steps.observe import START, Observers


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


@dataclass(frozen=True)
class _Asked:
    """What the probes of runs of one program ask of a state, see :func:`observe`."""

    runs: Sequence[Run]
    state: TrainState
    statistics: Sequence[Any]
    epoch: int
    measuring: Measuring

    def by_lane(self, found: Any) -> list[Any]:
        """On the host, for each lane."""
        return _by_lane(found, self.measuring)

    def on(self, what: Need | str, batch: Any, carry: Any = None) -> Any:
        """What the devices answer; ``carry`` takes the place of the newest statistics."""
        statistics = self.statistics[-1] if carry is None else carry
        return self.measuring.observers[what](self.state, statistics, batch)

    @functools.cached_property
    def batch(self) -> Batch:
        """The one of those that is looked at alone."""
        return next(self.batches)

    @functools.cached_property
    def start(self) -> Any:
        """Its training loss and gradient, on the devices."""
        return self.on(START, self.batch)

    @property
    def batches(self) -> Iterator[Batch]:
        """The training images that fresh statistics are computed from; a batch where there are none."""
        return _batches(self.runs[0], self.epoch, self.measuring)


def observe(
    runs: Sequence[Run], state: TrainState, statistics: Sequence[Any], epoch: int, measuring: Measuring
) -> list[dict[str, Any]]:
    """What the probes of each run ask for, by the attributes of :class:`bnjax.probes.Seen` that it becomes.

    Args:
      runs, state: as :func:`bnjax.runs.measure.measure` takes them.
      statistics: the state's own, and fresh ones where there are any.
    """
    probes, observed = runs[0].probes_after(epoch), [dict[str, Any]() for _ in runs]
    needs, own = needs_of(probes), [probe.name for probe in probes if probe.observe]
    asked = _Asked(runs, state, statistics, epoch, measuring)

    def keep(name: str, of_lanes: Sequence[Any]) -> None:
        for mine, found in zip(observed, of_lanes, strict=False):  # lanes behind the runs count nothing
            mine[name] = found

    if needs & (Need.STATISTICS | Need.EVALUATION) and statistics[1:]:
        for name, batch_stats in zip(("running", "fresh"), statistics, strict=True):
            norms = _by_lane(batch_stats, measuring)
            keep(name, [_moments(run, of_run) for run, of_run in zip(runs, norms, strict=False)])
    for need, answer in _ANSWERS.items():
        if need in needs:
            keep(str(need.name).lower(), answer(asked))
    if own:
        keep("observed", asked.by_lane({name: asked.on(name, asked.batch) for name in own}))
    return observed


def _evaluation(asked: _Asked) -> list[dict[str, Moments]]:
    if not asked.statistics[1:]:  # there are no fresh ones
        return [{} for _ in asked.runs]
    found = [asked.on(Need.EVALUATION, batch) for batch in asked.batches]
    return [_pooled(of_run) for of_run in asked.by_lane(found)]


def _of_a_batch(need: Need, asked: _Asked) -> list[Any]:
    return asked.by_lane(asked.on(need, asked.batch))


def _gradients(asked: _Asked) -> list[dict[str, float]]:
    norms = asked.by_lane(asked.on(Need.GRADIENTS, asked.batch, asked.start))
    return [{site: float(norm) for site, norm in of_run.items()} for of_run in norms]


def _confidence(asked: _Asked) -> list[Any]:
    test, feeding = asked.runs[0].fed.test, asked.measuring.feeding
    size = feeding.batch_size(asked.runs[0].config.eval_batch_size, test)
    batches = eval_batches(test, size, feeding.rows(size))
    found = [jax.device_get(local(asked.on(Need.CONFIDENCE, feeding.placed(batch)))) for batch in batches]
    return asked.by_lane(jax.tree.map(lambda *parts: np.sum(parts, axis=0, dtype=np.float64), *found))


def _below(asked: _Asked) -> list[dict[str, tuple[float, float]]]:
    """Site by site, since a program with one gradient for each would take long to compile."""
    model = asked.measuring.model
    observed = [dict[str, Any]() for _ in asked.runs]
    params = split(asked.state.params, model)[0]
    units, moving = [unit_name(site.name) for site in model.sites], any(map(params.get, model.in_front))
    trained = []  # sites below which something moves
    for number, unit in enumerate(units):
        if moving and "kernel" in params.get(unit, {}):
            trained.append((number, model.sites[number].name))
        moving = moving or unit in params
    for number, site in trained:
        found = asked.by_lane(asked.on(Need.BELOW, (asked.batch, np.int32(number)), asked.start))
        for mine, of_run in zip(observed, found, strict=False):
            mine[site] = tuple(map(float, of_run[site]))
    return observed


def _landscape(asked: _Asked) -> list[dict[str, np.ndarray]]:
    steps_down = [(asked.batch, np.float32(rate)) for rate in RATES]
    found = [asked.by_lane(asked.on(Need.LANDSCAPE, step, asked.start)) for step in steps_down]
    return [{"rate": np.asarray(RATES), **_stacked(steps)} for steps in zip(*found, strict=True)]


def _curvature(asked: _Asked) -> list[dict[str, np.ndarray]]:
    trained = split(asked.state.params, asked.measuring.model)[0]
    if not jax.tree.leaves(trained):
        return [{} for _ in asked.runs]
    nothing = jax.tree.map(jnp.zeros_like, trained)
    lanes = (asked.measuring.feeding.lanes,) if asked.measuring.feeding.lanes else ()
    carry: Any = (nothing, nothing, jnp.zeros(lanes, jax.tree.leaves(nothing)[0].dtype))
    steps, before = list[list[Any]](), np.asarray(np.inf)
    for number in range(MOST_STEPS):
        carry, found = asked.on(Need.CURVATURE, (asked.batch, np.int32(number)), carry)
        steps.append(asked.by_lane(found))
        made = [_stacked(of_run) for of_run in zip(*steps, strict=True)]
        now = np.asarray([largest_eigenvalue(**of_run) for of_run in made])
        if not np.any(np.abs(now - before) > ENOUGH * np.abs(now)):  # numbers that are none end it, too
            break
        before = now
    return made


def _stacked(steps: Sequence[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    return {name: np.asarray([step[name] for step in steps], np.float64) for name in steps[0]}


#: What is asked for each need: for each lane, the attribute of :class:`bnjax.probes.Seen` of that name.
_ANSWERS: dict[Need, Callable[[_Asked], list[Any]]] = {
    Need.EVALUATION: _evaluation,
    Need.GRADIENTS: _gradients,
    Need.INPUTS: functools.partial(_of_a_batch, Need.INPUTS),
    Need.FEATURES: functools.partial(_of_a_batch, Need.FEATURES),
    Need.CONFIDENCE: _confidence,
    Need.BELOW: _below,
    Need.LANDSCAPE: _landscape,
    Need.CURVATURE: _curvature,
}


def _by_lane(found: Any, measuring: Measuring) -> list[Any]:
    return measuring.feeding.by_lane(jax.device_get(local(found)))


def _batches(run: Run, epoch: int, measuring: Measuring) -> Iterator[Batch]:
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
