"""Kernels as targets that XLA calls by their names."""

import ctypes
import os
import sys
import threading
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from bnjax.kernels.writing.shapes import Convolution


class Target(NamedTuple):
    """What XLA knows a kernel by, and the float32 numbers of scratch memory that it needs."""

    name: str
    scratch: int


#: By their names; None for a kernel that could not be made.
_targets: dict[str, Target | None] = {}
#: JAX compiles in several threads; a name can be registered once.
_lock = threading.Lock()


def call(target: Target, result: jax.ShapeDtypeStruct, left: Array, right: Array) -> Array:
    """The result of a kernel's call."""
    scratch = jax.ShapeDtypeStruct((max(target.scratch, 1),), jnp.float32)
    made, _ = jax.ffi.ffi_call(target.name, (result, scratch))(left, right)
    return made


def target_for(product: str, shape: Convolution) -> Target | None:
    """The target of a product's kernel, which is compiled, or loaded from bnjax's cache, the first time.

    Its name tells its shape, what wrote its code, and what for: XLA's own cache keeps programs that call it
    by this name. It is registered when a program that calls it is lowered, before that cache is looked into.

    Args:
      product: see :func:`bnjax.kernels.writers.writer`.

    Returns:
      None where it cannot be compiled, which is told once on stderr.
    """
    from bnjax.kernels import library, writers  # which import llvmlite
    from bnjax.kernels.writing import machine

    host, slots = machine.host_machine(), core_count()
    if host is None:
        return None
    form = "depthwise" if shape.depthwise else "dense"
    marks = f"{library.generator_version()}_{host.fingerprint}_{slots}"
    name = f"bnjax_{form}_{product}_{shape.name}_{marks}"
    with _lock:
        if name not in _targets:
            try:
                code, work = library.kept_code(name, writers.writer(product, shape), host, slots)
                _register(name, library.handler_address(code, name))
                _targets[name] = Target(name, work.shared + slots * work.own)
            except RuntimeError as error:  # LLVM's
                reason = " ".join(str(error).split())
                print(f"bnjax: no kernel {name} ({reason}); XLA's form takes its place", file=sys.stderr)
                _targets[name] = None
        return _targets[name]


def core_count() -> int:
    """The cores that this process may use: the most threads that work on a kernel."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _register(name: str, handler: int) -> None:
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(ctypes.c_void_p(handler)), platform="cpu")
