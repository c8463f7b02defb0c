"""Settings of JAX that have to be made before its backend starts."""

import functools
import importlib.metadata
import importlib.util
import os
import subprocess
import sys

#: Makes float32 convolutions on CPU two to three times faster (XLA's YNNPACK library). It is experimental,
#: and an unknown flag ends the process, so it is given to the versions alone that the tests ran with.
FAST_CPU_FLAG = "--xla_cpu_experimental_ynn_fusion_type=LIBRARY_FUSION_TYPE_DOT,LIBRARY_FUSION_TYPE_REDUCE"
_TESTED_JAXLIB = ("0.10.2",)
_SECONDS_WORTH_CACHING = 0.3


def configure_backend() -> None:
    """Fast convolutions on CPU, and compiled programs kept for the next start.

    Has no effect on a process whose JAX backend already runs. Nothing that the user has set is changed.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "ynn_fusion" not in flags and cpu_only() and _jaxlib_version() in _TESTED_JAXLIB:
        os.environ["XLA_FLAGS"] = f"{flags} {FAST_CPU_FLAG}".strip()
    import jax

    from bnjax.data.cache import cache_dir

    if not jax.config.values["jax_compilation_cache_dir"]:
        jax.config.update("jax_compilation_cache_dir", str(cache_dir() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", _SECONDS_WORTH_CACHING)


def cpu_only() -> bool:
    """Whether no accelerator's plugin could read the flag and refuse it."""
    if os.environ.get("JAX_PLATFORMS") == "cpu":
        return True
    return not any(importlib.util.find_spec(name) for name in ("jax_plugins", "libtpu"))


@functools.cache
def computes_on_cpu() -> bool:
    """Whether JAX computes on the CPU; this process does not start its backend for that.

    Where a plugin is installed, a process of its own is asked whether it has a device: one that holds an
    accelerator keeps others from it. What keeps JAX from starting is left to the run that starts it.
    """
    if cpu_only():
        return True
    ask = "import jax; print(jax.default_backend())"
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    return asked.stdout.strip() == "cpu"


@functools.cache
def device_count() -> int:
    """The devices that a run by this process would have; 0 where JAX does not start.

    Asks another process: one that holds an accelerator keeps others from it.
    """
    ask = "import jax; print(jax.device_count())"
    asked = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    return int(asked.stdout) if asked.returncode == 0 else 0


def _jaxlib_version() -> str:
    return importlib.metadata.version("jaxlib")
