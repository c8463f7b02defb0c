"""The largest eigenvalue of the training loss's Hessian: how sharp the place is where training stands.

Lyu et al. 2022 find that norms with weight decay drive it down. Gradient descent is unstable where it
exceeds 2 over the learning rate. It is found by Lanczos's method from a random direction.
"""

from typing import Any, TypedDict

from bnjax.field_types import NumberOrNull
from bnjax.probes.probe import Memory, Need, PerStep, Probe, Seen, Shown, rounded

#: Steps of Lanczos's method at most, and the relative change of the eigenvalue below which they end.
MOST_STEPS, ENOUGH = 20, 1e-3


class Sharpness(TypedDict):
    """By the trained parameters, of one batch in training mode; None where it is not finite.

    Attributes:
      largest_eigenvalue: the largest eigenvalue of the Hessian.
    """

    largest_eigenvalue: NumberOrNull


def largest_eigenvalue(diagonal: PerStep, beside: PerStep) -> float:
    """Of the symmetric tridiagonal matrix that Lanczos's method has made so far; NaN where it is not finite.

    Args:
      beside: the last one leads out of the matrix.
    """
    import numpy as np

    matrix = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    return float(np.linalg.eigvalsh(matrix)[-1]) if np.isfinite(matrix).all() else float("nan")


def _look(seen: Seen, memory: Memory) -> Sharpness | dict[str, Any]:
    if not seen.curvature:
        return {}  # nothing is trained
    return {"largest_eigenvalue": rounded(largest_eigenvalue(**seen.curvature))}


SHARPNESS = Probe(
    name="sharpness",
    meaning="largest eigenvalue of the Hessian of the training loss by the trained parameters, on one batch",
    source="Lyu et al. 2022",
    cost=f"at most {MOST_STEPS} products with the Hessian, each like two to four training steps; and in deep "
    "networks minutes to compile",
    needs=Need.CURVATURE,
    found=Sharpness,
    look=_look,
    shown={"largest_eigenvalue": Shown("largest eigenvalue of the Hessian", "signed")},
    by_site=False,
)
