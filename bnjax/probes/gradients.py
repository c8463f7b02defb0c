"""Gradients and updates beside weights: what explodes with depth (Yang et al. 2019), and effective steps."""

from typing import TypedDict

from bnjax.field_types import SizeOrNull
from bnjax.probes.probe import Kernel, Memory, Need, Probe, Seen, Shown, rounded


class Norms(TypedDict):
    """L2 norms over a site's kernel.

    Attributes:
      gradient_norm: of the training loss's gradient on one batch; None where the kernel is not trained.
      update_norm: of what the epoch changed of the kernel. Behind a norm, which makes its scale idle, the
        effective step is this over ``kernel_norm``.
      kernel_norm: of the kernel itself.
    """

    gradient_norm: SizeOrNull
    update_norm: SizeOrNull
    kernel_norm: SizeOrNull


def _size(kernel: Kernel) -> float | None:
    import numpy as np

    return rounded(float(np.linalg.norm(kernel.ravel().astype(np.float64))))


def _look(seen: Seen, memory: Memory) -> dict[str, Norms]:
    return {
        site: {
            "gradient_norm": rounded(seen.gradients[site]) if site in seen.gradients else None,
            "update_norm": _size(kernel - seen.kernels_before[site]),
            "kernel_norm": _size(kernel),
        }
        for site, kernel in seen.kernels.items()
    }


GRADIENTS = Probe(
    name="gradients",
    meaning="L2 norms over the kernel: of the training loss's gradient on one batch, null where it is not "
    "trained; of what the epoch changed; of the kernel itself",
    source="Yang et al. 2019, section 3",
    cost="one training step without its update",
    needs=Need.KERNELS | Need.GRADIENTS,
    found=Norms,
    look=_look,
    shown={
        "gradient_norm": Shown("L2 norm of the kernel's gradient", "log"),
        "update_norm": Shown("an epoch's update over the kernel's norm", "log", "kernel_norm"),
        "kernel_norm": Shown("L2 norm of the kernel", "log"),
    },
)
