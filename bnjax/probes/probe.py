"""What a probe is: a diagnostic of a network after an epoch, which changes no bit of training.

Probes are values without JAX. What has to be computed on a device they ask for by name, and get as arrays.
"""

import enum
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np  # flags and records read probes too, and start without either
    from jaxtyping import Bool, Float, Num

Array: TypeAlias = "np.ndarray"
Kernel: TypeAlias = 'Float[np.ndarray, "*inputs features"]'
PerFeature: TypeAlias = 'Float[np.ndarray, " features"]'
WhichUnits: TypeAlias = 'Bool[np.ndarray, " features"]'
#: Of the parts of confidences, the rates of steps along a gradient, and the steps of Lanczos's method.
PerPart: TypeAlias = 'Num[np.ndarray, " parts"]'
PerRate: TypeAlias = 'Float[np.ndarray, " rates"]'
PerStep: TypeAlias = 'Float[np.ndarray, " steps"]'
#: Site -> an array.
Arrays = Mapping[str, Array]
#: What a probe keeps from epoch to epoch; checkpoints hold it.
Memory = dict[str, Array]


class Need(enum.Flag):
    """What a probe asks of a run, see the attributes of :class:`Seen`."""

    NOTHING = 0
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
    #: ``inputs``, from such a batch in evaluation mode, by fresh statistics where there are any.
    INPUTS = enum.auto()
    #: ``features``, likewise.
    FEATURES = enum.auto()
    #: ``confidence``, from the test images in evaluation mode.
    CONFIDENCE = enum.auto()
    #: ``below``, from a batch of training images.
    BELOW = enum.auto()
    #: ``landscape``, likewise.
    LANDSCAPE = enum.auto()
    #: ``curvature``, likewise.
    CURVATURE = enum.auto()


class Moments(NamedTuple):
    """Mean and variance of a norm's input."""

    mean: PerFeature
    var: PerFeature


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What can be seen of a run after an epoch. What no probe asked for may be empty.

    Attributes:
      activation: its name in flags.
      kernels_before, kernels: site -> kernel, before the epoch and after it.
      trained: the sites whose kernels are trained.
      largest_input: site -> the activation's largest input over test images and positions.
      active: site -> fraction of the test images on which it is above 0 at some position.
      running, fresh: site -> the statistics that training left behind, and those of the weights as they are.
      evaluation: site -> those of the same norm's input in evaluation mode, by fresh statistics everywhere.
      gradients: site -> the L2 norm of the training loss's gradient by its kernel, of the trained ones.
      normed: the sites that have a norm.
      inputs: site -> ``values`` [values, features] and ``skew`` [features] of its activation's input, and
        ``norm_skew`` [features] of its norm's input; what a site lacks is absent.
      features: site -> ``gap``, the orthogonality gap of its outputs on ``images`` images, each of
        ``numbers`` numbers.
      confidence: ``images``, ``confidence`` and ``right``, summed over the test images in each part
        of the confidences.
      below: site -> what a step of all units below changes of its kernel's gradient: L2 norm, and cosine.
      landscape: ``rate``, ``loss``, ``loss_there``, ``length`` and ``change``, of steps down the
        gradient, see :func:`bnjax.train.steps.observe_loss.along_gradient`.
      curvature: ``diagonal`` and ``beside`` of the Hessian's tridiagonal matrix by Lanczos's method.
      observed: a probe's name -> what its own function gave, see :attr:`Probe.observe`.
    """

    activation: str
    kernels_before: Mapping[str, Kernel]
    kernels: Mapping[str, Kernel]
    trained: Collection[str]
    largest_input: Mapping[str, PerFeature]
    active: Mapping[str, PerFeature]
    running: Mapping[str, Moments] = field(default_factory=dict)
    fresh: Mapping[str, Moments] = field(default_factory=dict)
    evaluation: Mapping[str, Moments] = field(default_factory=dict)
    gradients: Mapping[str, float] = field(default_factory=dict)
    normed: Collection[str] = ()
    inputs: Mapping[str, Arrays] = field(default_factory=dict)
    features: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    confidence: Mapping[str, PerPart] = field(default_factory=dict)
    below: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    landscape: Mapping[str, PerRate] = field(default_factory=dict)
    curvature: Mapping[str, PerStep] = field(default_factory=dict)
    observed: Mapping[str, Any] = field(default_factory=dict)


class Shown(NamedTuple):
    """How reports show a number of a probe.

    Attributes:
      title: what it is, with its unit.
      scale: ``plain`` from 0 on; ``log`` for sizes that range over orders; ``ratio`` for multiples, where 1
        is nothing; ``signed`` where 0 is.
      part_of: the other number that it is shown as a part of, if any.
    """

    title: str
    scale: str = "plain"
    part_of: str = ""


def rounded(number: float) -> float | None:
    """A number as records hold it: six digits, which is more than it repeats to on another machine."""
    return float(f"{number:.6g}") if math.isfinite(number) else None


def median(numbers: Array) -> float | None:
    """The median as records hold it; None of no numbers."""
    import numpy as np

    return rounded(float(np.median(numbers))) if numbers.size else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Probe:
    """One diagnostic.

    Attributes:
      name: in ``--probes``, and of its field in records.
      meaning: of that field, for people.
      source: who proposed it.
      cost: what it adds to an epoch, for people.
      needs: what it looks at.
      found: the TypedDict of what it records, of each site or of the network as a whole, from which checks
        and tables follow; no two probes share a name in it.
      look: gives that from what is seen, and may change the memory of the epochs before.
      observe: ``module:function`` of what it computes on a device, where no need is that; empty: nothing. It
        is called after every epoch, compiled, with a :class:`bnjax.train.steps.subject.Subject` (the network,
        its loss), the state, statistics (fresh ones where there are any) and a batch of training images;
        vectorised over lanes. What it returns, a tree of arrays without the batch, is in
        :attr:`Seen.observed`.
      shown: the numbers of it that reports draw and set beside accuracy, by their names; None: all, plainly.
      summed: names in it whose sum over sites means something.
      by_site: whether that is an object for each site; else one of the whole network.
      in_all_records: whether its field is in every epoch's record, empty where it was not chosen.
    """

    name: str
    meaning: str
    source: str
    cost: str
    needs: Need = Need.NOTHING
    found: type
    look: Callable[[Seen, Memory], Mapping[str, Any]]
    observe: str = ""
    shown: Mapping[str, Shown] | None = None
    summed: tuple[str, ...] = ()
    by_site: bool = True
    in_all_records: bool = False

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names of what it records of a site, or of the network."""
        return tuple(self.found.__annotations__)

    @property
    def is_free(self) -> bool:
        """Whether it looks at nothing but what an epoch's end brings anyway, and so after every epoch."""
        return not self.observe and not self.needs & ~(Need.KERNELS | Need.ACTIVATIONS | Need.STATISTICS)

    @property
    def drawn(self) -> Mapping[str, Shown]:
        """What reports show of it."""
        plain = {name: Shown(name.replace("_", " ")) for name in self.numbers}
        return plain if self.shown is None else self.shown

    @property
    def told(self) -> str:
        """What its field in records is, for people."""
        found = f"{{{', '.join(self.numbers)}}}: {self.meaning}"
        return f"site -> {found}" if self.by_site else found
