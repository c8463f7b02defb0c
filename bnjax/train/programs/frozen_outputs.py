"""What a network's frozen part makes of all images, in the place of the images."""

import dataclasses
import math
from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float

from bnjax.data import Dataset
from bnjax.data.batches import Batch
from bnjax.data.stream import LARGEST_IN_MEMORY
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.finetuning import precomputed_block
from bnjax.train.programs.evaluate import Evaluation
from bnjax.train.programs.run_programs import RunPrograms
from bnjax.train.state import TrainState

_GIBIBYTE = 2**30


@dataclass(frozen=True)
class FrozenOutputs:
    """What the frozen part makes of all images.

    Attributes:
      dataset: its outputs in the place of images.
      activation_input_max, active: of its units on the test images, see
        :class:`bnjax.train.programs.evaluate.Evaluation`.
    """

    dataset: Dataset
    activation_input_max: dict[str, Float[np.ndarray, " features"]]
    active: dict[str, Float[np.ndarray, " features"]]

    def completed(self, test: Evaluation) -> Evaluation:
        """An evaluation of the test images from these outputs on, with the units of the frozen part."""
        largest = {**self.activation_input_max, **test.activation_input_max}
        return dataclasses.replace(test, activation_input_max=largest, active={**self.active, **test.active})


def check_memory(config: Config, dataset: Dataset, programs: RunPrograms, state: TrainState) -> None:
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
