"""How large a run's network is, said before it is built where it is large."""

import math
import os
import sys
from pathlib import Path

import jax

from bnjax.architectures import ARCHITECTURES
from bnjax.process.bar import say
from bnjax.settings.config import Config
from bnjax.train.state import TrainState

#: A network of more parameters is announced: the largest that an experiment's defaults make has 22 million.
MANY_PARAMETERS = 200_000_000
#: So is one whose training needs more than this part of the free memory.
_LARGE_SHARE = 0.5
_GIBIBYTE = 2**30
_MEMORY = Path("/proc/meminfo")


def tell_size(config: Config, shapes: TrainState) -> None:
    """Says on stderr how large a network is, where it is large; in one of several processes.

    Args:
      shapes: of its first state.
    """
    line = size_line(config, shapes, free_memory())
    if line and jax.process_index() == 0:
        say(line)


def size_line(config: Config, shapes: TrainState, free: int | None) -> str:
    """What is said of a large network; empty for any other.

    Args:
      shapes: of its first state.
      free: bytes of memory on the device; None where nobody knows.
    """
    parameters = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes.params))
    # Beside the state there is a gradient for each parameter; activations come on top.
    needed = sum(map(_bytes, (shapes.params, shapes.params, shapes.batch_stats, shapes.opt_state)))
    if parameters <= MANY_PARAMETERS and (free is None or needed <= _LARGE_SHARE * free):
        return ""
    memory = "" if free is None else f" of {free / _GIBIBYTE:.1f} GiB free"
    flag = ARCHITECTURES[config.model].size_flag
    value = getattr(config, flag.removeprefix("--"))
    return (
        f"{config.model} with {flag}={value} has {parameters:,} parameters; training needs more than "
        f"{needed / _GIBIBYTE:.1f} GiB{memory}; a smaller {flag} makes it smaller"
    )


def _bytes(tree: object) -> int:
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def free_memory() -> int | None:
    """Bytes that the first device has free, or on CPU the machine; None where nobody tells."""
    device = jax.local_devices()[0]
    if device.platform != "cpu":
        stats = device.memory_stats() or {}
        return stats["bytes_limit"] - stats["bytes_in_use"] if "bytes_limit" in stats else None
    if sys.platform.startswith("linux"):
        lines = (line.split() for line in _MEMORY.read_text(encoding="ascii").splitlines())
        return next((int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:"), None)
    names = ("SC_AVPHYS_PAGES", "SC_PAGE_SIZE")
    known = all(name in getattr(os, "sysconf_names", {}) for name in names)
    return math.prod(os.sysconf(name) for name in names) if known else None
