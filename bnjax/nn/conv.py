"""Convolutions, in the form that the platform runs well."""

import jax
from jax import Array, lax
from jaxtyping import Float, Shaped

from bnjax.kernels import plain
from bnjax.kernels.choice import makes
from bnjax.kernels.plain import Pads
from bnjax.kernels.products import convolved
from bnjax.kernels.writing.shapes import Convolution
from bnjax.nn.checks import check_choice, check_count, check_images
from bnjax.nn.shapes import Maps

#: Where zeros are added, by name: as many as keep the size, split as in TensorFlow and Keras; or one row
#: below and one column at the right, whatever the size; or none.
PADDINGS: dict[str, str | Pads] = {"same": "SAME", "end": ((0, 1), (0, 1)), "valid": "VALID"}


def conv2d(
    x: Maps,
    kernel: Float[Array, "rows columns channels features"],
    stride: int = 1,
    padding: str = "same",
    kernels: str = "auto",
) -> Float[Array, "batch new_height new_width features"]:
    """Convolution that with stride 1 and ``same`` padding keeps height and width.

    On CPU a 1 x 1 kernel is one matrix product, whose gradients are too; the others are bnjax's own code
    where it can be made, see :mod:`bnjax.kernels`, else XLA's convolution.

    Args:
      stride: of both sides.
      padding: ``same``: the output has ceil(side / stride) pixels on a side, as in Keras; ``end``: one row
        and one column of zeros at the end, and floor((side + 1 - kernel) / stride) + 1 pixels. With a 3 x 3
        kernel and stride 2 both are the same for even sides. ``valid``: no zeros, and floor((side - kernel) /
        stride) + 1 pixels.
      kernels: whose form it has, see :func:`bnjax.kernels.choice.makes`.

    Raises:
      ValueError: the padding is unknown, or x does not fit the kernel.
    """
    _check("conv2d", x, kernel.shape, x.shape[-1], stride, padding)
    pads = PADDINGS[padding]
    if (
        jax.default_backend() == "cpu"
        and kernel.shape[:2] == (1, 1)
        and stride == 1
        and isinstance(pads, str)
    ):
        # In two axes: XLA's product of more of them has a slower gradient.
        return (x.reshape(-1, x.shape[-1]) @ kernel[0, 0]).reshape(*x.shape[:-1], kernel.shape[-1])
    shape = _shape_of(x, kernel, stride, pads, depthwise=False)
    if makes(shape, x, kernel, kernels):
        return convolved(x, kernel, shape)
    return plain.convolution(x, kernel, stride, pads)


def depthwise_conv2d(
    x: Maps,
    kernel: Float[Array, "rows columns 1 channels"],
    stride: int = 1,
    padding: str = "same",
    kernels: str = "auto",
) -> Float[Array, "batch new_height new_width channels"]:
    """Convolution of each channel with a kernel of its own.

    Args:
      stride, padding, kernels: see :func:`conv2d`.

    Raises:
      ValueError: the padding is unknown, or x does not fit the kernel.
    """
    _check("depthwise_conv2d", x, kernel.shape, 1, stride, padding)
    pads = PADDINGS[padding]
    shape = _shape_of(x, kernel, stride, pads, depthwise=True)
    if makes(shape, x, kernel, kernels):
        return convolved(x, kernel, shape)
    return plain.depthwise(x, kernel, stride, pads)


def _shape_of(
    x: Maps,
    kernel: Float[Array, "rows columns inputs features"],
    stride: int,
    pads: str | Pads,
    *,
    depthwise: bool,
) -> Convolution:
    if isinstance(pads, str):
        pads = tuple(lax.padtype_to_pads(x.shape[1:3], kernel.shape[:2], (stride, stride), pads))
    (_, height, width, channels), (rows, columns, _, features) = x.shape, kernel.shape
    vertical, horizontal = ((int(before), int(behind)) for before, behind in pads)
    around = (vertical, horizontal)
    return Convolution(height, width, channels, features, rows, columns, stride, around, depthwise)


def _check(
    place: str, x: Shaped[Array, "..."], kernel: tuple[int, ...], inputs: int, stride: int, padding: str
) -> None:
    """Holds an input against a kernel that sees ``inputs`` of its channels.

    Raises:
      ValueError: names what does not fit.
    """
    check_choice(place, "padding", padding, tuple(PADDINGS))
    check_count(place, "stride", stride)
    if len(kernel) != 4 or kernel[2] != inputs:
        wanted = f"[height, width, {inputs}, features]"
        raise ValueError(f"{place}: a kernel of shape {kernel} for an input of {x.shape}; {wanted} fits")
    check_images(place, x, max(kernel[:2]) if padding == "valid" else 1)
