"""What is set before JAX starts: the experimental XLA flag, right in its numbers, and huge pages."""

import os
import platform
import subprocess
import sys

import pytest
from starting import PATIENCE

from bnjax.process import backend

pytestmark = pytest.mark.slow


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.setenv("XLA_FLAGS", "")
    backend.computes_on_cpu.cache_clear()
    yield monkeypatch
    backend.computes_on_cpu.cache_clear()


@pytest.mark.parametrize(
    ("version", "given", "expected"),
    [
        ("0.10.2", "", backend.FAST_CPU_FLAG),
        ("0.10.2", "--xla_other=1", f"--xla_other=1 {backend.FAST_CPU_FLAG}"),
        ("0.10.2", "--xla_cpu_experimental_ynn_fusion_type=", "--xla_cpu_experimental_ynn_fusion_type="),
        ("99.0.0", "", ""),
    ],
)
def test_the_flag_is_given_to_tested_versions_and_never_over_the_users(environment, version, given, expected):
    environment.setenv("XLA_FLAGS", given)
    environment.setattr(backend, "_jaxlib_version", lambda: version)
    backend.configure_backend()
    assert os.environ["XLA_FLAGS"] == expected


def test_no_flag_where_an_accelerators_plugin_could_refuse_it(environment):
    environment.delenv("JAX_PLATFORMS")
    environment.setattr(backend.importlib.util, "find_spec", lambda name: name == "libtpu" or None)
    backend.configure_backend()
    assert os.environ["XLA_FLAGS"] == ""


NUMERICS = """
from bnjax.process.backend import configure_backend
configure_backend()
import jax, jax.numpy as jnp, numpy as np, optax
from bnjax.models import VGG7

def gradients(dtype):
    model = VGG7(placement="all:before", param_dtype=dtype)
    random = np.random.default_rng(0)
    images = jnp.asarray(random.normal(size=(8, 16, 16, 3)), dtype)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(random.normal(0, 0.05, leaf.shape), dtype),
        jax.eval_shape(model.init, jax.random.key(0), images)["params"])
    stats = jax.tree.map(
        lambda leaf: jnp.ones(leaf.shape, dtype),
        jax.eval_shape(model.init, jax.random.key(0), images)["batch_stats"])
    def loss(params):
        logits, _ = model.apply(
            {"params": params, "batch_stats": stats}, images, train=True, mutable=["batch_stats"])
        return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.arange(8) % 10).mean()
    return jax.jit(jax.grad(loss))(params)

with jax.enable_x64(True):
    exact = gradients(jnp.float64)
fast = gradients(jnp.float32)
for a, b in zip(jax.tree.leaves(exact), jax.tree.leaves(fast), strict=True):
    scale = np.abs(a).max()
    if scale > 1e-9:  # biases before a norm have none
        print(float(np.abs(np.asarray(a) - np.asarray(b)).max() / scale))
"""


def test_gradients_under_the_flag_are_those_of_float64(environment):
    done = subprocess.run(
        [sys.executable, "-c", NUMERICS], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    errors = [float(line) for line in done.stdout.split()]
    assert len(errors) >= 20
    assert max(errors) < 2e-3
    assert sorted(errors)[len(errors) // 2] < 1e-4


def test_a_plugin_without_its_device_leaves_a_sweep_on_the_cpu(environment, tmp_path):
    (tmp_path / "jax_plugins").mkdir()
    environment.delenv("JAX_PLATFORMS")
    environment.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    environment.syspath_prepend(str(tmp_path))
    assert not backend.cpu_only()
    assert backend.computes_on_cpu()


def test_an_accelerator_is_not_a_cpu(environment):
    environment.delenv("JAX_PLATFORMS")
    environment.setattr(backend, "cpu_only", lambda: False)
    answer = subprocess.CompletedProcess([], 0, stdout="gpu\n")
    environment.setattr(backend.subprocess, "run", lambda *_, **__: answer)
    assert not backend.computes_on_cpu()


SCRIPT = """
import os, pathlib, sys
from bnjax.process import huge_pages
huge_pages._KERNEL_SETTING = pathlib.Path(sys.argv[1])
print("started", flush=True)
huge_pages.start_with_huge_pages("program.py")
print(os.environ.get("GLIBC_TUNABLES"), sys.argv[2:])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other library has that setting")
@pytest.mark.parametrize(
    ("kernel", "name", "given", "expected", "starts"),
    [
        ("always [madvise] never", "program.py", None, "glibc.malloc.hugetlb=1", 2),
        ("always [madvise] never", "program.py", "a.b=2", "a.b=2:glibc.malloc.hugetlb=1", 2),
        ("always [madvise] never", "program.py", "glibc.malloc.hugetlb=0", "glibc.malloc.hugetlb=0", 1),
        ("always [madvise] never", "other.py", None, "None", 1),
        ("[always] madvise never", "program.py", None, "None", 1),
        (None, "program.py", None, "None", 1),
    ],
)
def test_a_program_asks_for_huge_pages_once(kernel, name, given, expected, starts, environment, tmp_path):
    (tmp_path / name).write_text(SCRIPT)
    setting = tmp_path / "enabled"
    if kernel:
        setting.write_text(kernel + "\n")
    environment.delenv("GLIBC_TUNABLES", raising=False)
    if given:
        environment.setenv("GLIBC_TUNABLES", given)
    command = [sys.executable, tmp_path / name, setting, "--flag=a b"]
    lines = subprocess.check_output(command, text=True).splitlines()
    assert lines == ["started"] * starts + [f"{expected} ['--flag=a b']"]
