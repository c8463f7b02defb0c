"""What is measured of runs at the end of an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bnjax.data import Images
from bnjax.runs.observe import Measuring, observe
from bnjax.runs.training import Run, site_kernels
from bnjax.train.programs.evaluate import Evaluation, Evaluator
from bnjax.train.state import TrainState
from bnjax.train.steps.fresh import FreshStatistics, fresh_order, reads_fresh
from bnjax.train.steps.sums import Totals


@dataclass(frozen=True)
class Measured:
    """What was measured of a run at the end of an epoch.

    Attributes:
      trained: the sums over the epoch's batches as they were trained.
      test, held_out: of the test images, and of the validation images where there are some.
      test_fresh, held_out_fresh: the same through fresh statistics, where the network depends on any.
      seen: of the training images, where ``evaluate_train`` asks for it.
      kernels: site -> kernel [..., features].
      observed: what its probes ask for beside that, by attributes of :class:`bnjax.probes.Seen`.
    """

    trained: Totals
    test: Evaluation
    held_out: Evaluation | None
    test_fresh: Evaluation | None
    held_out_fresh: Evaluation | None
    seen: Evaluation | None
    kernels: dict[str, np.ndarray]
    observed: dict[str, Any]


def measure(runs: Sequence[Run], state: TrainState, epoch: int, measuring: Measuring) -> list[Measured]:
    """Evaluates runs that have the settings of evaluation in common.

    Args:
      runs: one for each lane, or one.
      state: theirs; stacked where there are lanes, of which those behind the runs count nothing.
    """
    fed, config = runs[0].fed, runs[0].config
    evaluator = Evaluator(measuring.eval_step, measuring.model, config.eval_batch_size, measuring.feeding)
    statistics = [state.batch_stats, *_fresh_statistics(runs, state, epoch, measuring)]

    def evaluated(part: Images | None, statistics: Sequence[Any]) -> list[list[Evaluation]]:
        return evaluator.of(state.params, statistics, part) if part else []

    test, held_out = evaluated(fed.test, statistics), evaluated(fed.validation, statistics)
    seen = evaluated(fed.train if config.evaluate_train else None, statistics[:1])
    by_lane = measuring.feeding.by_lane
    kernels = by_lane(site_kernels(runs[0].model, state))
    observed = observe(runs, state, statistics, epoch, measuring)
    return [
        Measured(
            trained=run.underway.totals,
            test=run.frozen.completed(test[0][lane]) if run.frozen else test[0][lane],
            held_out=_reading(held_out, 0, lane),
            test_fresh=_reading(test, 1, lane) if _reads_fresh(run) else None,
            held_out_fresh=_reading(held_out, 1, lane) if _reads_fresh(run) else None,
            seen=_reading(seen, 0, lane),
            kernels=kernels[lane],
            observed=observed[lane],
        )
        for lane, run in enumerate(runs)
    ]


def _reading(found: list[list[Evaluation]], number: int, lane: int) -> Evaluation | None:
    """What one of the statistics gives; None where nothing was evaluated by it."""
    return found[number][lane] if number < len(found) else None


def _reads_fresh(run: Run) -> bool:
    return reads_fresh(run.model, run.state.batch_stats)


def _fresh_statistics(runs: Sequence[Run], state: TrainState, epoch: int, measuring: Measuring) -> list[Any]:
    """Fresh statistics as the only element; nothing where no run asks for them or depends on them."""
    train = runs[0].fed.train
    order = fresh_order(runs[0].config, len(train))
    if order is None or not any(map(_reads_fresh, runs)):
        return []
    fresh = FreshStatistics(measuring.fresh_step, measuring.model, measuring.feeding, order)
    return [fresh.of(state, train, epoch)]
