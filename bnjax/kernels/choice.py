"""Which form a convolution has: a kernel of bnjax's, or XLA's operations."""

import functools
import importlib.util

import jax
import jax.numpy as jnp
from jax import Array

from bnjax.kernels.call import NEWEST, OLDEST, interface_version
from bnjax.kernels.writing.shapes import Convolution

#: Places of a depthwise kernel that its code writes out.
_MOST_PLACES = 25


def makes(shape: Convolution, x: Array, kernel: Array, kernels: str) -> bool:
    """Whether a convolution is computed by a kernel.

    Args:
      shape: of the convolution.
      x, kernel: its inputs.
      kernels: ``auto``: by a kernel where one can be made; ``llvm``: the same; ``xla``: never.
    """
    if kernels == "xla" or obstacle():
        return False
    whole = x.size > 0 and shape.features > 0 and min(shape.out_sides) > 0
    fits = kernel.shape == shape.kernel and x.dtype == kernel.dtype == jnp.float32
    return whole and fits and not (shape.depthwise and shape.rows * shape.columns > _MOST_PLACES)


def obstacle() -> str:
    """Why no kernel can be made in this process; empty where they can. Starts JAX's backend."""
    if jax.default_backend() != "cpu":
        return f"they are for the CPU, and JAX computes on {jax.default_backend()}"
    if jax.device_count() > 1:
        return f"they are for one device, and there are {jax.device_count()}"
    return obstacle_here()


@functools.cache
def obstacle_here() -> str:
    """The same of what does not change: packages and processor."""
    if importlib.util.find_spec("llvmlite") is None:
        return "they need the package llvmlite"
    found = interface_version(jax.ffi.include_dir())
    if not OLDEST <= found <= NEWEST:
        known = " to ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))
        return f"they are for versions {known} of XLA's call interface, and jaxlib has {found[0]}.{found[1]}"
    from bnjax.kernels.writing.machine import host_machine  # which imports llvmlite

    if host_machine() is None:
        return "they need a processor with AVX2 and FMA, or a 64-bit ARM one"
    return ""
