"""What writes the code of a product, by its name."""

import functools

from bnjax.kernels.library import Kernel
from bnjax.kernels.writing import dense, dense_gradient, depthwise, frames
from bnjax.kernels.writing.shapes import Convolution


def writer(product: str, shape: Convolution) -> Kernel:
    """What writes one product of a convolution.

    Args:
      product: ``forward``, ``input_gradient`` or ``kernel_gradient``.
    """
    if shape.depthwise:
        return functools.partial(getattr(depthwise, f"write_{product}"), shape)
    if product == "kernel_gradient":
        return functools.partial(dense_gradient.write_kernel_gradient, shape)
    seen = frames.forward(shape) if product == "forward" else frames.input_gradient(shape)
    return functools.partial(dense.write_product, seen)
