"""The outputs of a network's frozen part, computed once for all images in the place of every step.

That is exact where nothing in it depends on a batch, an epoch or a step, see
:func:`bnjax.settings.finetuning.fine_tuning_changes`; a step then begins behind it.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np

from bnjax.data import Dataset, Images, ImageSet, eval_batches
from bnjax.data.batches import Batch
from bnjax.data.stream import LARGEST_IN_MEMORY
from bnjax.process.signals import held_signals
from bnjax.settings.config import Config, ConfigError
from bnjax.settings.finetuning import precomputed_block
from bnjax.train.evaluate import Evaluation, UnitTally, probed_units, whole_batch
from bnjax.train.mesh import shard_batch
from bnjax.train.stepping import epoch_steps

if TYPE_CHECKING:
    from bnjax.runs.training import Training
    from bnjax.train.programs import RunPrograms
    from bnjax.train.state import TrainState

_GIBIBYTE = 2**30
#: Called with what is being done, for people.
Describe = Callable[[str], None]


@dataclass(frozen=True)
class FrozenOutputs:
    """What the frozen part makes of all images.

    Attributes:
      dataset: its outputs in the place of images.
      activation_input_max, active: of its units on the test images, see
        :class:`bnjax.train.evaluate.Evaluation`.
    """

    dataset: Dataset
    activation_input_max: dict[str, np.ndarray]
    active: dict[str, np.ndarray]

    def completed(self, test: Evaluation) -> Evaluation:
        """An evaluation of the test images from these outputs on, with the units of the frozen part."""
        largest = {**self.activation_input_max, **test.activation_input_max}
        return dataclasses.replace(test, activation_input_max=largest, active={**self.active, **test.active})


def precompute(run: "Training", describe: Describe = lambda doing: None) -> None:
    """Lets a run's steps and evaluations start from outputs of the frozen part, where its config says so."""
    if run.config.precompute_frozen and run.frozen is None:
        run.frozen = frozen_outputs(run, describe)
        run.steps = epoch_steps(run.config, run.programs, run.fed.train, run.mesh)


def frozen_outputs(run: "Training", describe: Describe = lambda doing: None) -> FrozenOutputs:
    """What the frozen part makes of a run's images, in its state as it is."""
    dataset = run.dataset
    units = UnitTally(probed_units(run.programs.frozen_part))
    train = _outputs(run, dataset.train, "training", describe)
    validation = _outputs(run, dataset.validation, "validation", describe) if dataset.validation else None
    test = _outputs(run, dataset.test, "test", describe, units)
    made = dataclasses.replace(dataset, train=train, test=test, validation=validation)
    return FrozenOutputs(made, units.largest, units.active(len(test)))


def _outputs(
    run: "Training", part: Images, name: str, describe: Describe, units: UnitTally | None = None
) -> ImageSet:
    step, state = run.programs.feature_step, run.state
    outputs: np.ndarray | None = None
    labels, done = [], 0
    for batch in eval_batches(part, whole_batch(run.config.eval_batch_size, part, run.mesh)):
        describe(f"frozen part: {done} of {len(part)} {name} images")
        with held_signals():  # XLA does not bear exceptions from signals
            found, probes = jax.device_get(
                step(state.params, state.batch_stats, shard_batch(batch, run.mesh))
            )
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


def check_memory(config: Config, dataset: Dataset, programs: "RunPrograms", state: "TrainState") -> None:
    """Refuses outputs of more bytes than data sets in memory have unless they are asked for.

    Raises:
      ConfigError: says how many there would be.
    """
    if not config.precompute_frozen:
        return
    image = np.zeros((1, *dataset.train.image_shape), np.uint8)
    one = Batch(image, np.zeros(1, np.int32), np.ones(1, np.float32))
    made, _ = jax.eval_shape(programs.feature_step, state.params, state.batch_stats, one)
    parts = [part for part in (dataset.train, dataset.test, dataset.validation) if part]
    images = sum(map(len, parts))
    size = math.prod(made.shape) * made.dtype.itemsize * images
    if size > LARGEST_IN_MEMORY:
        needed, kept = (f"{count / _GIBIBYTE:.1f} GiB" for count in (size, LARGEST_IN_MEMORY))
        last = precomputed_block(config)
        raise ConfigError(
            f"--precompute_frozen: what the blocks up to {last} make of {images:,} images needs {needed}, "
            f"and at most {kept} are kept; leave it out, or freeze until another block"
        )
