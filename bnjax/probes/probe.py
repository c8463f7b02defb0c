"""What a probe is: a diagnostic of a network after an epoch, which changes no bit of training.

Probes are values without JAX. What has to be computed on a device they ask for by name, and get as arrays.
"""

import enum
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np  # flags and records read probes too, and start without it

Array: TypeAlias = "np.ndarray"
#: Site -> an array.
Arrays = Mapping[str, Array]
#: What a probe keeps from epoch to epoch; checkpoints hold it.
Memory = dict[str, Array]


class Need(enum.Flag):
    """What a probe asks of a run, see the attributes of :class:`Seen`."""

    #: ``kernels_before``, ``kernels`` and ``trained``.
    KERNELS = enum.auto()
    #: ``largest_input`` and ``active``, which come with the evaluation of the test images.
    ACTIVATIONS = enum.auto()
    #: ``running`` and ``fresh``, which come with ``--fresh_images``.
    STATISTICS = enum.auto()
    #: ``gradients``, from a batch of training images.
    GRADIENTS = enum.auto()
    #: ``evaluation`` and ``fresh``, from the training images of ``--fresh_images``.
    EVALUATION = enum.auto()


class Moments(NamedTuple):
    """Mean and variance [features] of a norm's input."""

    mean: Array
    var: Array


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What can be seen of a run after an epoch. What no probe asked for may be empty.

    Attributes:
      activation: its name in flags.
      kernels_before, kernels: site -> [..., features], before the epoch and after it.
      trained: the sites whose kernels are trained.
      largest_input: site -> [features], the activation's largest input over test images and positions.
      active: site -> [features], fraction of the test images on which it is above 0 at some position.
      running, fresh: site -> the statistics that training left behind, and those of the weights as they are.
      evaluation: site -> those of the same norm's input in evaluation mode, by fresh statistics everywhere.
      gradients: site -> the L2 norm of the training loss's gradient by its kernel, of the trained ones.
    """

    activation: str
    kernels_before: Arrays
    kernels: Arrays
    trained: Collection[str]
    largest_input: Arrays
    active: Arrays
    running: Mapping[str, Moments] = field(default_factory=dict)
    fresh: Mapping[str, Moments] = field(default_factory=dict)
    evaluation: Mapping[str, Moments] = field(default_factory=dict)
    gradients: Mapping[str, float] = field(default_factory=dict)


def rounded(number: float) -> float | None:
    """A number as records hold it: six digits, which is more than it repeats to on another machine."""
    return float(f"{number:.6g}") if math.isfinite(number) else None


def median(numbers: Array) -> float | None:
    """The median as records hold it; None of no numbers."""
    import numpy as np

    return rounded(float(np.median(numbers))) if numbers.size else None


@dataclass(frozen=True)
class Probe:
    """One diagnostic.

    Attributes:
      name: in ``--probes``, and of its field in records.
      meaning: of that field, an object for each site, for people.
      source: who proposed it.
      cost: what it adds to an epoch, for people.
      needs: what it looks at.
      found: the TypedDict of what it records of a site, from which checks and tables follow; no two probes
        share a name in it.
      look: gives that from what is seen, and may change the memory of the epochs before.
      summed: names in it whose sum over sites means something.
      in_all_records: whether its field is in every epoch's record, empty where it was not chosen.
    """

    name: str
    meaning: str
    source: str
    cost: str
    needs: Need
    found: type
    look: Callable[[Seen, Memory], Mapping[str, Any]]
    summed: tuple[str, ...] = ()
    in_all_records: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of what it records of a site."""
        return tuple(self.found.__annotations__)

    @property
    def told(self) -> str:
        """What its field in records is, for people."""
        return f"site -> {{{', '.join(self.numbers)}}}: {self.meaning}"
