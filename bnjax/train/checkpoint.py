"""The state of a run that is under way, on disk after an epoch, so that a run which was cut goes on.

One file of arrays with a SHA-256 digest behind it, so that damage shows; it appears whole or not at all.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bnjax.sealed import read_arrays, write_arrays
from bnjax.train.training import Run

FILE_NAME = "checkpoint.npz"


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: the leaves of the state, and what was recorded and counted so far."""

    leaves: list[np.ndarray]
    epochs: list[dict[str, Any]]
    kernels: dict[str, np.ndarray]
    streaks: dict[str, np.ndarray]


def save(path: Path, run: Run) -> None:
    """Keeps a run as it is after its last recorded epoch.

    Raises:
      OSError: it cannot be written; an older checkpoint is still there.
    """
    arrays = {f"state/{number}": leaf for number, leaf in enumerate(_leaves(run.state))}
    arrays |= {f"kernel/{site}": kernel for site, kernel in run.flat.kernels.items()}
    arrays |= {f"streak/{site}": streak for site, streak in run.flat.streaks.items()}
    arrays["epochs"] = np.frombuffer(json.dumps(run.epochs).encode(), np.uint8)
    write_arrays(path, arrays)


def _leaves(state: Any) -> list[np.ndarray]:
    """Arrays of a state on the host, keys of random numbers as their data."""
    leaves = jax.tree.leaves(state)
    return [np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for leaf in leaves]


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _as_key(data: np.ndarray) -> jax.Array:
    return jax.random.wrap_key_data(jnp.asarray(data))


def load(path: Path) -> Saved | None:
    """What a checkpoint holds; None where there is none, or a damaged one.

    Raises:
      OSError: it cannot be read.
    """
    try:
        found = read_arrays(path)
    except FileNotFoundError:
        return None
    if found is None:
        return None
    count = sum(name.startswith("state/") for name in found)
    return Saved(
        [found[f"state/{number}"] for number in range(count)],
        json.loads(found["epochs"].tobytes()),
        _below("kernel/", found),
        _below("streak/", found),
    )


def _below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def restore(saved: Saved, run: Run) -> bool:
    """Puts a run where the checkpoint was made; False, and nothing changed, where it does not fit the run."""
    leaves, tree = jax.tree.flatten(run.state)
    fresh = _leaves(run.state)
    if [(leaf.shape, leaf.dtype) for leaf in saved.leaves] != [(leaf.shape, leaf.dtype) for leaf in fresh]:
        return False
    placed = [
        jax.device_put(_as_key(array) if _is_key(leaf) else array, leaf.sharding)
        for array, leaf in zip(saved.leaves, leaves, strict=True)
    ]
    run.state = jax.tree.unflatten(tree, placed)
    run.flat.kernels, run.flat.streaks = saved.kernels, saved.streaks
    run.epochs[:] = saved.epochs
    return True
