"""A run under way, and how it is made from a config and its data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jax.sharding import Mesh

from bnjax.config import Config
from bnjax.data import DataError, Dataset, input_scaling, steps_per_epoch
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.probes.dying import FlatHistory
from bnjax.probes.movie import Movie, unit_tiles
from bnjax.train.mesh import check_batch_size, data_mesh, replicate
from bnjax.train.programs import Programs
from bnjax.train.state import TrainState, create_state
from bnjax.train.step import EvalStep
from bnjax.train.stepping import EpochSteps, epoch_steps


@dataclass
class Training:
    """A run under way: what it needs, its state, and what it has recorded so far."""

    config: Config
    dataset: Dataset
    model: Network
    mesh: Mesh
    state: TrainState
    steps: EpochSteps
    eval_step: EvalStep
    flat: FlatHistory
    movies: Sequence[Movie] = ()
    epochs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in one epoch."""
        return steps_per_epoch(len(self.dataset.train), self.config.batch_size)


def prepare(
    config: Config, dataset: Dataset, movies: Sequence[Movie] = (), programs: Programs | None = None
) -> Training:
    """Network, state and compiled steps of a run, before its first step.

    Args:
      movies: get a frame after each epoch.
      programs: where to find compiled steps that another run has made; None for new ones.

    Raises:
      ConfigError: the batch does not fit the devices, or a movie not the network.
      DataError: fewer training images than one batch.
    """
    mesh = data_mesh()
    check_batch_size(config.batch_size, mesh)
    check_train_images(config, dataset)
    scaling = input_scaling(config.input_scale, dataset.train.images)
    made = (programs or Programs()).of(config, dataset.num_classes, scaling)
    model, image_shape = made.model, dataset.train.images.shape[1:]
    state = replicate(create_state(model, made.optimizer, image_shape, config.seed), mesh)
    if movies:  # what it cannot show is told before training
        kernel = site_kernels(model, state)[model.sites[0].name]
        unit_tiles(kernel, image_shape)
    return Training(
        config,
        dataset,
        model,
        mesh,
        state,
        epoch_steps(config, made, dataset.train, mesh),
        made.eval_step,
        FlatHistory(site_kernels(model, state)),
        movies,
    )


def check_train_images(config: Config, dataset: Dataset) -> None:
    """Refuses a batch size that is larger than the training set.

    Raises:
      DataError: says how many images there are.
    """
    if len(dataset.train) < config.batch_size:
        raise DataError(
            f"{config.dataset}: {len(dataset.train)} training images are less than one batch of "
            f"{config.batch_size}; use a smaller --batch_size"
        )


def site_kernels(model: Network, state: TrainState) -> dict[str, np.ndarray]:
    """Site -> its unit's kernel [..., features], on the host; of a stacked state with lanes first."""
    kernels = {site.name: state.params[unit_name(site.name)]["kernel"] for site in model.sites}
    # A copy: on CPU the host array would share memory that the next step's donation gives away.
    return {site: np.array(kernel) for site, kernel in kernels.items()}
