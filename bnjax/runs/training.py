"""A run under way, and how it is made from a config and its data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from jax.sharding import Mesh

from bnjax.data import DataError, Dataset, steps_per_epoch
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.probes import Memories, Probe, due_probes
from bnjax.runs.hosts import ALONE, Hosts
from bnjax.runs.recording.movie import Movie, unit_tiles
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.train.initial import first_state
from bnjax.train.mesh import check_batch_size, data_mesh, replicate
from bnjax.train.norm_groups import check_norm_groups
from bnjax.train.programs.frozen_outputs import FrozenOutputs, check_memory
from bnjax.train.programs.run_programs import RunPrograms
from bnjax.train.programs.shared import Programs
from bnjax.train.programs.stepping import EpochSteps, epoch_steps
from bnjax.train.state import TrainState
from bnjax.train.steps.sums import Totals


@dataclass
class Underway:
    """The epoch under way.

    Attributes:
      totals: over the steps that the state has taken in it.
      seconds: what they took.
      waited: for how many of them the device had no batch.
    """

    totals: Totals = field(default_factory=Totals)
    seconds: float = 0.0
    waited: float = 0.0

    @property
    def steps(self) -> int:
        """Training steps taken in this epoch."""
        return len(self.totals.batch_accuracies)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Underway":
        """From what ``dataclasses.asdict`` makes of it."""
        return cls(**{**fields, "totals": Totals(**fields["totals"])})


@dataclass(kw_only=True)
class Run:
    """A run under way: its state, and what it has recorded so far.

    Attributes:
      kernels: site -> kernel [..., features] at the end of the last epoch that was recorded.
      memories: what its probes keep of the epochs so far.
      movies: get a frame after each epoch.
      epochs: the fields of the ``epoch`` records.
      saved_steps: training steps that lie behind its last checkpoint.
      underway: how far it has come in the epoch after these.
      lanes: for how many runs side by side the program was made in which it began; more or fewer would
        round otherwise. 1 for a run by itself.
      shared_order: whether these met the same batches.
      compile_seconds: what compiling its programs took, as far as nobody had done it before.
      frozen: what its frozen part makes of all images, where that was computed once.
    """

    config: Config
    dataset: Dataset
    model: Network
    state: TrainState
    kernels: dict[str, np.ndarray]
    memories: Memories = field(default_factory=dict)
    movies: Sequence[Movie] = ()
    epochs: list[dict[str, Any]] = field(default_factory=list)
    saved_steps: int = 0
    underway: Underway = field(default_factory=Underway)
    lanes: int = 1
    shared_order: bool = True
    compile_seconds: float = 0.0
    frozen: FrozenOutputs | None = None

    @classmethod
    def begun(cls, config: Config, dataset: Dataset, made: RunPrograms, **others: Any) -> Self:
        """A run before its first step.

        Args:
          others: the other attributes.

        Raises:
          DataError, WeightsError: as :func:`bnjax.train.initial.first_state` does.
        """
        state = first_state(config, made.model, made.first_state)
        kernels = site_kernels(made.model, state)
        return cls(config=config, dataset=dataset, model=made.model, state=state, kernels=kernels, **others)

    @property
    def fed(self) -> Dataset:
        """What its steps and evaluations are fed: images, or what the frozen part makes of them."""
        return self.frozen.dataset if self.frozen else self.dataset

    @property
    def steps_per_epoch(self) -> int:
        """Training steps in one epoch."""
        return steps_per_epoch(len(self.dataset.train), self.config.batch_size, self.config.trains_on_rest)

    def probes_after(self, epoch: int) -> tuple[Probe, ...]:
        """The probes that look after an epoch."""
        config = self.config
        return due_probes(config.probes, epoch, config.probe_every, config.epochs)

    @property
    def steps_taken(self) -> int:
        """Training steps in all epochs so far."""
        return len(self.epochs) * self.steps_per_epoch + self.underway.steps


@dataclass(kw_only=True)
class Training(Run):
    """A run that trains by itself, over all devices, which may be those of several ``hosts``."""

    hosts: Hosts = ALONE
    mesh: Mesh
    programs: RunPrograms
    steps: EpochSteps


def has_diverged(run: Run) -> bool:
    """Whether its last epoch ended in a loss that is not finite."""
    return bool(run.epochs) and run.epochs[-1]["status"] == "diverged"


def prepare(
    config: Config,
    dataset: Dataset,
    movies: Sequence[Movie] = (),
    programs: Programs | None = None,
    gated: bool = False,
    hosts: Hosts = ALONE,
) -> Training:
    """Network, state and compiled steps of a run, before its first step.

    Args:
      movies: get a frame after each epoch.
      programs: where to find compiled steps that another run has made; None for new ones.
      gated: whether the program serves runs of other placements, rates and slopes too.
      hosts: the processes that train it.

    Raises:
      ConfigError: the batch does not fit the devices, a movie not the network, what is to be computed once
        not the memory, or norms have one value per channel.
      DataError: fewer training images than one batch, or weights that cannot be downloaded.
      WeightsError: the weights to start from are absent or do not fit.
    """
    mesh = data_mesh()
    check_batch_size(config.batch_size, mesh)
    check_batches(config, dataset)
    check_rest(config, len(dataset.train), mesh)
    made = (programs or Programs()).of(config, dataset, gated)
    steps = epoch_steps(config, made, dataset.train, mesh)
    own: dict[str, Any] = dict(hosts=hosts, mesh=mesh, programs=made, steps=steps, movies=movies)
    run = Training.begun(config, dataset, made, **own)
    check_memory(config, dataset, made, run.state)
    run.state = replicate(run.state, mesh)
    if movies:  # what it cannot show is told before training
        unit_tiles(next(iter(run.kernels.values())), dataset.train.image_shape)
    return run


def check_batches(config: Config, dataset: Dataset) -> None:
    """Refuses batches larger than the training set, updates that never come, and norms with too few values.

    Raises:
      DataError: says how many images there are.
      ConfigError: norms have one value per channel, or no epoch has batches enough for an update.
    """
    if len(dataset.train) < config.batch_size:
        raise DataError(
            f"{config.dataset}: {len(dataset.train)} training images are less than one batch of "
            f"{config.batch_size}; use a smaller --batch_size"
        )
    steps = steps_per_epoch(len(dataset.train), config.batch_size, config.trains_on_rest)
    if config.accumulate > steps:
        raise ConfigError(
            f"--accumulate={config.accumulate}: an epoch has {steps} batches, too few for an update"
        )
    check_norm_groups(config, dataset)


def check_rest(config: Config, images: int, mesh: Mesh) -> None:
    """Refuses a last batch of pooled statistics that several devices cannot share evenly.

    Raises:
      ConfigError: says how many images are left over.
    """
    rest = images % config.batch_size
    if config.trains_on_rest and rest and (mesh.is_multi_process or rest % mesh.size):
        raise ConfigError(
            f"--batch_size={config.batch_size} leaves {rest} of {images} training images over, which "
            f"{mesh.size} devices cannot share, and --trained={config.trained} is of all images; use one "
            "device, or a --batch_size that divides their number"
        )


def site_kernels(model: Network, state: TrainState) -> dict[str, np.ndarray]:
    """Site -> its unit's kernel [..., features], where it has one; of a stacked state with lanes first."""
    units = {site.name: state.params.get(unit_name(site.name), {}) for site in model.sites}
    # A copy: on CPU the host array would share memory that the next step's donation gives away.
    return {site: np.array(unit["kernel"]) for site, unit in units.items() if "kernel" in unit}


def used_variables(run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run's params and batch_stats without what gates have switched off: those of its placement alone."""
    return run.model.used(run.state.params), run.model.used(run.state.batch_stats)
