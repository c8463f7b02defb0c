"""Where kernels are taken, and where XLA's form is."""

import importlib.util
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
from starting import PATIENCE

from bnjax.kernels import call, choice
from bnjax.models import build_model
from bnjax.nn.conv import conv2d, depthwise_conv2d
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import run_id


def lowered(form, x, kernel, *arguments):
    return jax.jit(lambda x, kernel: form(x, kernel, *arguments)).lower(x, kernel).as_text()


def zeros(*sides, dtype=jnp.float32):
    return jnp.zeros(sides, dtype)


X, DENSE, DEPTHWISE = (2, 8, 8, 4), (3, 3, 4, 6), (3, 3, 1, 4)


@pytest.mark.parametrize(("form", "kernel"), [(conv2d, DENSE), (depthwise_conv2d, DEPTHWISE)])
@pytest.mark.parametrize("kernels", ["auto", "llvm"])
def test_float32_is_computed_by_kernels(form, kernel, kernels):
    assert "bnjax_" in lowered(form, zeros(*X), zeros(*kernel), 1, "same", kernels)


@pytest.mark.parametrize(("form", "kernel"), [(conv2d, DENSE), (depthwise_conv2d, DEPTHWISE)])
def test_xla_is_xlas_form(form, kernel):
    assert "bnjax_" not in lowered(form, zeros(*X), zeros(*kernel), 1, "same", "xla")


@pytest.mark.parametrize(
    ("form", "x", "kernel"),
    [
        pytest.param(conv2d, zeros(*X, dtype=jnp.bfloat16), zeros(*DENSE, dtype=jnp.bfloat16), id="bfloat16"),
        pytest.param(conv2d, zeros(*X), zeros(1, 1, 4, 6), id="a matrix product"),
        pytest.param(depthwise_conv2d, zeros(*X), zeros(7, 7, 1, 4), id="too long a code"),
    ],
)
def test_what_kernels_are_not_for(form, x, kernel):
    assert "bnjax_" not in lowered(form, x, kernel)


def test_several_devices_have_xlas_form(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    assert choice.obstacle() == "they are for one device, and there are 8"
    assert "bnjax_" not in lowered(conv2d, zeros(*X), zeros(*DENSE))


def test_accelerators_have_xlas_form(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert choice.obstacle() == "they are for the CPU, and JAX computes on gpu"


@pytest.fixture
def _asked_anew():
    choice.obstacle_here.cache_clear()
    yield
    choice.obstacle_here.cache_clear()


@pytest.mark.usefixtures("_asked_anew")
@pytest.mark.parametrize(
    ("version", "usable"), [((0, 2), False), ((0, 3), True), ((0, 5), True), ((1, 0), False)]
)
def test_versions_of_the_interface_that_were_tested(monkeypatch, version, usable):
    monkeypatch.setattr(choice, "interface_version", lambda headers: version)
    told = choice.obstacle()
    assert not told if usable else f"jaxlib has {version[0]}.{version[1]}" in told


def test_the_installed_interface_is_known():
    assert call.OLDEST <= call.interface_version(jax.ffi.include_dir()) <= call.NEWEST


@pytest.mark.usefixtures("_asked_anew")
def test_without_llvmlite_the_form_is_xlas(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "llvmlite" else find(name))
    assert choice.obstacle() == "they need the package llvmlite"
    assert "bnjax_" not in lowered(conv2d, zeros(*X), zeros(*DENSE))
    with pytest.raises(
        ConfigError, match="--kernels=llvm cannot be had: they need the package llvmlite; xla and auto can"
    ):
        build_model(resolve(Config(kernels="llvm")), 10)
    assert build_model(resolve(Config()), 10).kernels == "xla"


def test_llvmlite_is_imported_by_the_first_kernel_alone():
    code = (
        "import sys, jax.numpy as jnp, bnjax.models; from bnjax.nn.conv import conv2d;"
        "x, kernel = jnp.zeros((1, 4, 4, 3)), jnp.zeros((3, 3, 3, 4));"
        "conv2d(x, kernel, kernels='xla'); print('llvmlite' in sys.modules);"
        "conv2d(x, kernel); print('llvmlite' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert told.stdout.split() == ["False", "True"]


def test_bfloat16_has_xlas_form():
    assert build_model(resolve(Config(precision="bfloat16")), 10).kernels == "xla"
    with pytest.raises(ConfigError, match="they compute in float32, not bfloat16"):
        build_model(resolve(Config(precision="bfloat16", kernels="llvm")), 10)


def test_the_form_is_no_part_of_a_runs_name():
    assert run_id(Config(kernels="xla")) == run_id(Config(kernels="llvm")) == run_id(Config())


def test_a_process_with_several_devices_makes_no_kernel():
    """Which would gather what the devices share."""
    code = (
        "import jax, jax.numpy as jnp; from bnjax.nn.conv import conv2d;"
        "x, kernel = jnp.zeros((2, 4, 4, 3)), jnp.zeros((3, 3, 3, 4));"
        "print(jax.device_count(), 'bnjax_' in jax.jit(conv2d).lower(x, kernel).as_text())"
    )
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    command = [sys.executable, "-c", code]
    told = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=True, env=environment
    )
    assert told.stdout.split() == ["2", "False"]
