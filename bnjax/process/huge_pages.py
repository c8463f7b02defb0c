"""Memory in huge pages, which a process has to ask for before it starts."""

import os
import platform
import sys
from pathlib import Path

from bnjax.process.backend import cpu_only

_VARIABLE = "GLIBC_TUNABLES"
_TUNABLE = "glibc.malloc.hugetlb"
_FIRST_GLIBC = (2, 35)
_KERNEL_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def start_with_huge_pages(program: str) -> None:
    """Starts the running program anew, with the same arguments, where that makes its steps faster.

    XLA takes the memory of a step on CPU from the system and gives it back after it: with pages of 4 KiB a
    quarter of a large network's step goes by in page faults (measured, see
    experiments/results/speed/README.md). glibc asks for huge ones if the environment says so when the process
    starts. What the user has set stands.

    Args:
      program: the name of the script; a process that was started as another one stays as it is. Nothing
        may have been written yet.
    """
    changes = huge_pages_environment() if _is_the_process(program) else {}
    if changes:
        os.environ.update(changes)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def huge_pages_environment() -> dict[str, str]:
    """What a process that trains on CPU should find in its environment besides; empty where nothing helps."""
    if not (cpu_only() and _kernel_waits_to_be_asked() and _glibc_can_ask()):
        return {}
    given = os.environ.get(_VARIABLE)
    return {_VARIABLE: ":".join(filter(None, [given, f"{_TUNABLE}=1"]))}


def _is_the_process(program: str) -> bool:
    return Path(getattr(sys.modules["__main__"], "__file__", None) or "").name == program


def _kernel_waits_to_be_asked() -> bool:
    return _KERNEL_SETTING.exists() and "[madvise]" in _KERNEL_SETTING.read_text()


def _glibc_can_ask() -> bool:
    library, version = platform.libc_ver()
    if library != "glibc" or _TUNABLE in os.environ.get(_VARIABLE, ""):
        return False
    return tuple(int(part) for part in version.split(".")[:2]) >= _FIRST_GLIBC
