"""The cache of compiled programs: what is damaged is replaced."""

import os
import subprocess
import sys

import pytest

_COMPILE = """
import warnings
from bnjax.process.backend import configure_backend
configure_backend()
import jax
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
print(jax.jit(lambda x: (x @ x.T).sum())(jax.numpy.ones((8, 8))))
warnings.warn("of another kind")
"""


def compiled(folder):
    environment = {**os.environ, "BNJAX_CACHE_DIR": str(folder), "JAX_COMPILATION_CACHE_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-c", _COMPILE], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "512.0\n"
    return [line for line in done.stderr.splitlines() if "another kind" not in line]


@pytest.mark.slow
def test_a_damaged_program_is_replaced_and_said_in_one_line(tmp_path):
    assert compiled(tmp_path) == []
    entries = {path: path.read_bytes() for path in (tmp_path / "xla").glob("jit_*-cache")}
    assert entries
    for path, content in entries.items():
        path.write_bytes(content[: len(content) // 2])
    [line] = compiled(tmp_path)
    assert line == f"{tmp_path / 'xla'}: a damaged program is compiled again and replaced"
    assert all(path.stat().st_size > len(content) // 2 for path, content in entries.items())
    assert compiled(tmp_path) == []
