"""What every test stands on: the CPU, a cache that lasts one session, and a way to start the scripts."""

import importlib.metadata
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Before anything imports JAX; subprocesses inherit it.
os.environ["JAX_PLATFORMS"] = "cpu"
# Most of a test's time is compilation, and most of that is LLVM's; its steps are few.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
if importlib.metadata.version("jaxlib") == "0.10.2":  # another version may not have the flag, and would abort
    os.environ["XLA_FLAGS"] += " --xla_cpu_use_fusion_emitters=false"  # MLIR, which takes as long as LLVM
# As if asked for already: scripts start themselves anew for huge pages, see tests/process/test_backend.py.
os.environ["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"
os.environ.pop("TFDS_DATA_DIR", None)
# A shell that starts the tests in the background has them ignore SIGINT, and what they start ignores it too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.pop("PYTHONUNBUFFERED", None)  # stdout is buffered where users start the scripts

import pytest
from hypothesis import settings
from starting import PATIENCE, SCRIPT

# A slow machine is no failure of the code. Examples are the same at every start, so that what passes once
# does so everywhere; `pytest --hypothesis-profile=explore` draws others.
settings.register_profile("explore", deadline=None, print_blob=True)
settings.register_profile("bnjax", settings.get_profile("explore"), derandomize=True)
settings.load_profile("bnjax")

# Runs a script as `python script arguments` does, and leaves a list of what it imported.
_WATCH_IMPORTS = """
import atexit, pathlib, runpy, sys
imports, sys.argv = sys.argv[1], sys.argv[2:]
atexit.register(lambda: pathlib.Path(imports).write_text(" ".join(sys.modules), encoding="utf-8"))
sys.path[0] = str(pathlib.Path(sys.argv[0]).parent)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


#: CI has so long and no longer: tests that have not begun by then are skipped, with that reason.
_MINUTES = float(os.environ.get("BNJAX_TEST_MINUTES", "inf"))
_STARTED = time.monotonic()


def pytest_collection_modifyitems(items):
    """The slow ones last, by the minutes that they tell of."""

    def minutes(item):
        slow = item.get_closest_marker("slow")
        return slow.kwargs.get("minutes", 0.1) if slow else 0

    items.sort(key=minutes)


def pytest_runtest_setup():
    if time.monotonic() - _STARTED > _MINUTES * 60:
        pytest.skip(f"not begun within BNJAX_TEST_MINUTES={_MINUTES:g}")


def pytest_configure(config):
    """One cache of arrays and compiled programs for all tests, in whatever process they run."""
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist inherit it
        folder = tempfile.TemporaryDirectory()
        config.add_cleanup(folder.cleanup)
        os.environ["BNJAX_CACHE_DIR"] = folder.name
    _keep_programs(Path(os.environ["BNJAX_CACHE_DIR"]) / "tests" / str(os.getpid()))


def _keep_programs(folder):
    """Tests compile the same small programs over and over, which took a fifth of their time.

    Each process has a folder of its own, since JAX writes entries that another process may read half-written.
    """
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@pytest.fixture(scope="session")
def cifar10_command():
    """The start of a command line that runs the CIFAR-10 experiment."""
    return [sys.executable, str(SCRIPT)]


@pytest.fixture
def run_watched(tmp_path):
    """Runs an experiment, CIFAR-10's unless told, to its end; the result tells what was ``imported``."""

    def run(*arguments, script="cifar10.py", **options):
        imports = tmp_path / "imports.txt"
        command = [
            sys.executable,
            "-c",
            _WATCH_IMPORTS,
            str(imports),
            str(SCRIPT.with_name(script)),
            *arguments,
        ]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options
        )
        result.imported = set(imports.read_text(encoding="utf-8").split())
        return result

    return run


@pytest.fixture
def registries_stay(monkeypatch):
    """What a plugin brings is forgotten after the test."""
    from bnjax import plugins
    from bnjax.api import registering
    from bnjax.studies import CLAIMS

    monkeypatch.setattr(registering, "_brought", set())
    kept = [(registry, dict(registry)) for _, registry in registering._REGISTRIES.values()]
    claims, modules = list(CLAIMS), set(sys.modules)
    yield
    for registry, before in kept:
        registry.clear()
        registry.update(before)
    CLAIMS[:] = claims
    for name in set(sys.modules) - modules:
        if name.startswith(plugins._MODULE):
            del sys.modules[name]
