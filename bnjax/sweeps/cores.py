"""How many processes work side by side, and on which cores."""

import os
from collections.abc import Sequence

from bnjax.process.backend import computes_on_cpu
from bnjax.settings.options import Options


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def job_count(options: Options, tasks: int) -> int:
    """How many processes work side by side, as far as a cluster lets them."""
    if options.engine == "slurm":
        return min(options.jobs or tasks, tasks)
    return min(options.jobs or (len(_cores()) if computes_on_cpu() else 1), tasks)


def cores_of(jobs: int) -> Sequence[int | None]:
    """The cores that so many processes keep to; None where one may use everything."""
    return _cores() if jobs > 1 and computes_on_cpu() else [None]
