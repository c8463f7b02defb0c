"""Dying units, by two definitions.

*Silent*: the activation's output is <= 0 at every position of every probe example; for a leaky ReLU or a
PReLU, whose output is never dead, its input is < 0 there. *Flat*: over at least two epochs every update dW of
the unit's weights is flat (maximum equal to minimum), as the dying-ReLU series has it (Qiita, 2017-05).
"""

from dataclasses import dataclass, field

import numpy as np

EPOCHS_TO_BE_FLAT = 2


def silent_units(activation_input_max: np.ndarray, activation: str) -> np.ndarray:
    """Which units were silent.

    Args:
      activation_input_max: [features], the largest input of the activation over examples and positions.
      activation: its name in flags.

    Returns:
      bool [features].
    """
    if activation in ("leaky_relu", "prelu"):
        return activation_input_max < 0
    return activation_input_max <= 0


def flat_updates(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which units have an update dW = after - before that is flat.

    Args:
      before, after: kernels [..., features] at the start and the end of an epoch.

    Returns:
      bool [features]: the largest element of the unit's dW equals the smallest.
    """
    update = (after - before).reshape(-1, after.shape[-1])
    return update.max(0) == update.min(0)


@dataclass
class FlatHistory:
    """How many epochs in a row each unit's update has been flat, by site.

    Attributes:
      kernels: site -> kernel [..., features] at the end of the epoch before.
      streaks: site -> int [features].
    """

    kernels: dict[str, np.ndarray]
    streaks: dict[str, np.ndarray] = field(default_factory=dict)

    def observe(self, kernels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Takes in the kernels at an epoch's end; returns site -> bool [features], the flat units."""
        for site, kernel in kernels.items():
            flat_now = flat_updates(self.kernels[site], kernel)
            streak = self.streaks.get(site, np.zeros(flat_now.shape, np.int64))
            self.streaks[site] = np.where(flat_now, streak + 1, 0)
        self.kernels = kernels
        return {site: streak >= EPOCHS_TO_BE_FLAT for site, streak in self.streaks.items()}


def dying_counts(
    silent: dict[str, np.ndarray], flat: dict[str, np.ndarray], active: dict[str, np.ndarray]
) -> dict[str, dict[str, float | None]]:
    """What a record tells of each site.

    Args:
      silent: site -> bool [features].
      flat: the same, of the sites whose kernels are trained.
      active: site -> [features], fraction of the probe examples on which a unit is active.

    Returns:
      Site -> how many units are ``silent``, ``flat`` (None where the kernel is not trained), and there at all
      (``units``), and on what fraction of the examples the median unit is active (``active``).
    """
    return {
        site: {
            "silent": int(silent[site].sum()),
            "flat": int(flat[site].sum()) if site in flat else None,
            "units": silent[site].size,
            "active": round(float(np.median(active[site])), 6),
        }
        for site in silent
    }
