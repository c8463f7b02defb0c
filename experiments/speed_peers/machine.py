"""What a result's numbers depend on: the machine, the versions, the commit."""

import datetime
import os
import platform
from pathlib import Path
from typing import Any

_PACKAGES = ("bnjax", "jax", "jaxlib", "flax", "optax", "keras", "torch", "numpy")


def machine_record(threads: int) -> dict[str, Any]:
    """The first line of a result."""
    from bnjax.runs.recording.run_record import (  # imports JAX, which a wrong flag should not wait for
        git_commit,
        versions,
    )

    return {
        "kind": "machine",
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_model": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "threads": threads,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": versions(_PACKAGES),
        "git_commit": git_commit(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
