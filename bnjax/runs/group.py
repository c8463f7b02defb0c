"""Runs that one program trains, as the loop sees them; most often one run by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from bnjax.runs.hosts import Hosts
from bnjax.runs.observe import Measuring
from bnjax.runs.precompute import precompute
from bnjax.runs.training import Run, Training
from bnjax.train.feeding import Feeding
from bnjax.train.programs.stepping import EpochSteps
from bnjax.train.state import TrainState
from bnjax.train.steps.sums import Sums


class RunGroup(Protocol):
    """Runs that have come equally far and take their steps together.

    Attributes:
      state: of all runs, as ``steps`` takes it.
    """

    state: TrainState

    @property
    def lanes(self) -> int:
        """How many runs are side by side in the program; 0 for a run by itself."""

    @property
    def runs(self) -> Sequence[Run]:
        """The runs; their own ``state`` is that of the last :meth:`settle`."""

    @property
    def steps(self) -> EpochSteps:
        """The training steps of all runs."""

    @property
    def hosts(self) -> Hosts:
        """The processes that train them."""

    def start(self, describe: Callable[[str], None]) -> None:
        """Does what comes before the first step, and describes it for people."""

    def of_each(self, sums: Sums) -> Sequence[Sums]:
        """What ``steps`` has summed up, for each run."""

    @property
    def measuring(self) -> Measuring:
        """What measures all runs."""

    def settle(self) -> None:
        """Gives each run its own state."""


@dataclass
class Alone:
    """A run by itself, as a group."""

    lanes: ClassVar[int] = 0
    run: Training

    @property
    def runs(self) -> list[Training]:
        return [self.run]

    @property
    def state(self) -> TrainState:
        return self.run.state

    @state.setter
    def state(self, state: TrainState) -> None:
        self.run.state = state

    @property
    def steps(self) -> EpochSteps:
        return self.run.steps

    @property
    def hosts(self) -> Hosts:
        return self.run.hosts

    def start(self, describe: Callable[[str], None]) -> None:
        precompute(self.run, describe)

    def of_each(self, sums: Sums) -> list[Sums]:
        return [sums]

    @property
    def measuring(self) -> Measuring:
        programs, feeding = self.run.programs, Feeding(self.run.mesh, check=self.hosts.check_signals)
        steps = (programs.eval_step, programs.fresh_step, programs.observers)
        return Measuring(*steps, programs.trained_part, feeding)

    def settle(self) -> None:
        """Its state is the run's."""
