"""Who takes part: what each contestant needs, and how its process is set up. Imports none of them."""

import dataclasses
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from bnjax.process.huge_pages import huge_pages_environment
from speed_peers.networks import Architecture, Task

#: The one that the others are compared with.
BNJAX = "bnjax"


@dataclass(frozen=True)
class Contestant:
    """A way to train the networks.

    Attributes:
      module: below ``speed_peers``, with ``configure(threads)`` and ``Trainer(task)``.
      packages: what has to be installed.
      environment: what its process finds in the environment.
      freezes: whether it can fine-tune a network, see ``frozen`` there.
      precomputed, compiled, channels_last: see :class:`speed_peers.networks.Task`.
    """

    module: str
    packages: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    freezes: bool = False
    precomputed: bool = False
    compiled: bool = False
    channels_last: bool = False

    def task_of(self, task: Task) -> Task:
        """A task as this contestant takes it."""
        own = ("precomputed", "compiled", "channels_last")
        return dataclasses.replace(task, **{name: getattr(self, name) for name in own})

    @property
    def absent_package(self) -> str | None:
        """The first package that is not installed, None where all are."""
        absent = (package for package in self.packages if importlib.util.find_spec(package) is None)
        return next(absent, None)

    def obstacle(self, architecture: Architecture, frozen: bool = False) -> str | None:
        """Why it cannot or need not train this network, None where it can."""
        if frozen and not self.freezes:
            return "it freezes nothing here"
        if self.precomputed and not frozen:
            return "nothing is frozen that could be computed once"
        if self.absent_package:
            return f"{self.absent_package} is not installed"
        if self.channels_last and not architecture.has_convolutions:
            return "without convolutions the layout of images changes nothing"
        return None


#: No contestants, yardsticks: the product of two square matrices of this many rows. The faster one counts.
MATRIX_SIZE = 2048
MATRIX_PRODUCTS = {
    "JAX": Contestant("matrix_product", ("jax",)),
    "PyTorch": Contestant("matrix_product_torch", ("torch",)),
}


def multiplies(library: str, precision: str) -> bool:
    """Whether a library's product can count as the machine's rate.

    PyTorch's in bfloat16 takes 14 s for one product where the processor has no instructions that it uses.
    """
    if (library, precision) != ("PyTorch", "bfloat16"):
        return True
    import torch

    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


_AS_ITS_SCRIPTS = huge_pages_environment()
CONTESTANTS = {
    BNJAX: Contestant("bnjax_itself", ("bnjax",), _AS_ITS_SCRIPTS, freezes=True),
    "bnjax-precomputed": Contestant(
        "bnjax_itself", ("bnjax",), _AS_ITS_SCRIPTS, freezes=True, precomputed=True
    ),
    "flax": Contestant("plain_flax", ("flax",)),
    "keras-jax": Contestant("keras_itself", ("keras", "jax"), {"KERAS_BACKEND": "jax"}, freezes=True),
    "keras-torch": Contestant("keras_itself", ("keras", "torch"), {"KERAS_BACKEND": "torch"}, freezes=True),
    "torch-eager": Contestant("pytorch", ("torch",)),
    "torch-eager-channels-last": Contestant("pytorch", ("torch",), channels_last=True),
    "torch-compile": Contestant("pytorch", ("torch",), compiled=True),
    "torch-compile-channels-last": Contestant("pytorch", ("torch",), compiled=True, channels_last=True),
}
