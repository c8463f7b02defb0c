"""The state of a run that is under way, on disk, so that a run which was cut goes on as if it had not been.

A checkpoint is one file of arrays with a SHA-256 digest behind it, so that damage shows; it appears whole or
not at all. The last ones are kept, named by the training steps that lie behind them.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bnjax.checksummed import read_arrays, write_arrays
from bnjax.probes import Memories
from bnjax.process.bar import say
from bnjax.process.signals import held_signals
from bnjax.runs.training import Run, Underway
from bnjax.train.mesh import local, put

#: Changes when what a checkpoint holds does; one of another format is removed.
FORMAT = 3
_KEPT = 2


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds: the leaves of the state, and what was recorded and counted so far.

    Attributes:
      lanes, shared_order, kernels, memories: see :class:`bnjax.runs.training.Run`.
      frames: of movies, by what they show.
    """

    leaves: list[np.ndarray]
    epochs: list[dict[str, Any]]
    underway: Underway
    lanes: int
    shared_order: bool
    kernels: dict[str, np.ndarray]
    memories: Memories
    frames: dict[str, list[np.ndarray]]


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints in a run's folder, the newest first."""
    return sorted(folder.glob(f"checkpoint-{'[0-9]' * 12}.npz"), reverse=True)


def save(folder: Path, run: Run) -> None:
    """Keeps a run as it is, and of the checkpoints before it the newest.

    Raises:
      OSError: it cannot be written; the older checkpoints are still there.
    """
    path = folder / f"checkpoint-{run.steps_taken:012}.npz"
    with held_signals():  # NumPy's archive would make another error of what a signal raises
        write_arrays(path, _arrays(run))
        run.saved_steps = run.steps_taken
    remove(checkpoints(folder)[_KEPT:])


def remove(paths: Iterable[Path]) -> None:
    """Deletes checkpoints that nobody needs any more."""
    for path in paths:
        path.unlink(missing_ok=True)


def _arrays(run: Run) -> dict[str, np.ndarray]:
    arrays = {f"state/{number}": leaf for number, leaf in enumerate(_leaves(run.state))}
    arrays |= {f"kernel/{site}": kernel for site, kernel in run.kernels.items()}
    for probe, memory in run.memories.items():
        arrays |= {f"memory/{probe}/{name}": array for name, array in memory.items()}
    for movie in run.movies:
        frames = enumerate(movie.frames)
        arrays |= {f"frame/{movie.shows}/{number:06}": np.asarray(frame) for number, frame in frames}
    told = {
        "format": FORMAT,
        "epochs": run.epochs,
        "underway": dataclasses.asdict(run.underway),
        "lanes": run.lanes,
        "shared_order": run.shared_order,
    }
    arrays["told"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    return arrays


def _leaves(state: Any) -> list[np.ndarray]:
    """Arrays of a state on the host, keys of random numbers as their data."""
    leaves = jax.tree.leaves(local(state))
    return [np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for leaf in leaves]


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _as_key(data: np.ndarray) -> jax.Array:
    return jax.random.wrap_key_data(jnp.asarray(data))


def steps_behind(path: Path) -> int:
    """The training steps that lie behind a checkpoint."""
    return int(path.stem.rpartition("-")[2])


def newest_common(folders: Iterable[Path]) -> int | None:
    """The last step of which all runs have a checkpoint that have any; None where there is no such step."""
    steps = [set(map(steps_behind, paths)) for paths in map(checkpoints, folders) if paths]
    return max(set.intersection(*steps), default=None) if steps else None


def load_newest(folder: Path, last: int | None = None) -> Saved | None:
    """What the newest checkpoint holds that is whole; of those that are not, a line on stderr tells.

    Args:
      last: later steps than this are forgotten.

    Raises:
      OSError: one cannot be read.
    """
    for path in checkpoints(folder):
        if last is not None and steps_behind(path) > last:
            path.unlink()
            continue
        saved = load_checkpoint(path)
        if saved:
            return saved
        say(f"{path} is damaged or of another version, and removed")
        path.unlink()
    return None


def load_checkpoint(path: Path) -> Saved | None:
    """What a checkpoint holds; None where it is damaged or of another format.

    Raises:
      OSError: it cannot be read.
    """
    arrays = read_arrays(path)
    if arrays is None:
        return None
    told = json.loads(arrays["told"].tobytes()) if "told" in arrays else {}
    if told.get("format") != FORMAT:
        return None
    frames = _below("frame/", arrays)
    shown = {name.partition("/")[0] for name in frames}
    return Saved(
        [arrays[f"state/{number}"] for number in range(len(_below("state/", arrays)))],
        told["epochs"],
        Underway.from_dict(told["underway"]),
        told["lanes"],
        told["shared_order"],
        _below("kernel/", arrays),
        _memories(_below("memory/", arrays)),
        {what: [array for _, array in sorted(_below(f"{what}/", frames).items())] for what in shown},
    )


def _below(prefix: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _memories(arrays: dict[str, np.ndarray]) -> Memories:
    memories: Memories = {}
    for path, array in arrays.items():
        probe, _, name = path.partition("/")
        memories.setdefault(probe, {})[name] = array
    return memories


def restore(saved: Saved, run: Run) -> bool:
    """Puts a run where the checkpoint was made; False, and nothing changed, where it does not fit the run."""
    leaves, tree = jax.tree.flatten(run.state)
    fresh = _leaves(run.state)
    if [(leaf.shape, leaf.dtype) for leaf in saved.leaves] != [(leaf.shape, leaf.dtype) for leaf in fresh]:
        return False
    placed = [
        put(_as_key(array) if _is_key(leaf) else array, leaf.sharding)
        for array, leaf in zip(saved.leaves, leaves, strict=True)
    ]
    run.state = jax.tree.unflatten(tree, placed)
    run.kernels, run.memories = saved.kernels, saved.memories
    run.epochs[:], run.underway = saved.epochs, saved.underway
    run.saved_steps = run.steps_taken
    run.lanes, run.shared_order = saved.lanes, saved.shared_order
    for movie in run.movies:
        movie.take_frames(saved.frames.get(movie.shows, []))
    return True
