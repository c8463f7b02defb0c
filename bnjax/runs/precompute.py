"""The outputs of a network's frozen part, computed once for all images in the place of every step.

That is exact where nothing in it depends on a batch, an epoch or a step, see
:func:`bnjax.settings.finetuning.fine_tuning_changes`; a step then begins behind it.
"""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np

from bnjax.data import Images, ImageSet, eval_batches
from bnjax.process.signals import held_signals
from bnjax.runs.training import Training
from bnjax.train.feeding import Feeding
from bnjax.train.programs.evaluate import UnitTally, probed_units
from bnjax.train.programs.frozen_outputs import FrozenOutputs
from bnjax.train.programs.stepping import epoch_steps

#: Called with what is being done, for people.
Describe = Callable[[str], None]


def precompute(run: Training, describe: Describe = lambda doing: None) -> None:
    """Lets a run's steps and evaluations start from outputs of the frozen part, where its config says so."""
    if run.config.precompute_frozen and run.frozen is None:
        run.frozen = frozen_outputs(run, describe)
        run.steps = epoch_steps(run.config, run.programs, run.fed.train, run.mesh)


def frozen_outputs(run: Training, describe: Describe = lambda doing: None) -> FrozenOutputs:
    """What the frozen part makes of a run's images, in its state as it is."""
    dataset = run.dataset
    units = UnitTally(probed_units(run.programs.frozen_part))
    train = _outputs(run, dataset.train, "training", describe)
    validation = _outputs(run, dataset.validation, "validation", describe) if dataset.validation else None
    test = _outputs(run, dataset.test, "test", describe, units)
    made = dataclasses.replace(dataset, train=train, test=test, validation=validation)
    return FrozenOutputs(made, units.largest, units.active(len(test)))


def _outputs(
    run: Training, part: Images, name: str, describe: Describe, units: UnitTally | None = None
) -> ImageSet:
    step, state, feeding = run.programs.feature_step, run.state, Feeding(run.mesh)
    outputs: np.ndarray | None = None
    labels, done = [], 0
    for batch in eval_batches(part, feeding.batch_size(run.config.eval_batch_size, part)):
        describe(f"frozen part: {done} of {len(part)} {name} images")
        with held_signals():  # XLA is not exception-safe under signals
            found, probes = jax.device_get(step(state.params, state.batch_stats, feeding.placed(batch)))
        count = int(batch.weights.sum())  # copies that fill up the last batch come last
        if outputs is None:
            outputs = np.empty((len(part), *found.shape[1:]), found.dtype)
        outputs[done : done + count] = found[:count]
        labels.append(batch.labels[:count])
        done += count
        if units:
            units.add(probes)
    assert outputs is not None
    return ImageSet(outputs, np.concatenate(labels))
