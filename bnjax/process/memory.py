"""Memory that a process has freed, back to the system."""

import ctypes
import gc
import platform


def give_back_memory() -> None:
    """Returns what is free, where glibc can: compiling leaves holes that would stay with the process."""
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
