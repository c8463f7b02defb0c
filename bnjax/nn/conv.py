"""Convolutions, in the form that the platform runs well."""

from jax import Array, lax

_LAYOUT = ("NHWC", "HWIO", "NHWC")
#: Where zeros are added, by name: as many as keep the size, split as in TensorFlow and Keras; or one row
#: below and one column at the right, whatever the size.
PADDINGS: dict[str, str | tuple[tuple[int, int], ...]] = {"same": "SAME", "end": ((0, 1), (0, 1))}


def conv2d(x: Array, kernel: Array, stride: int = 1, padding: str = "same") -> Array:
    """Convolution that with stride 1 and ``same`` padding keeps height and width.

    On CPU the plain form is the fastest that was measured, given the XLA flag that
    :func:`bnjax.train.backend.configure_backend` sets; one matrix product over patches loses even on first
    layers.

    Args:
      x: [batch, height, width, channels].
      kernel: [height, width, channels, features].
      stride: of both sides.
      padding: ``same``: the output has ceil(side / stride) pixels on a side, as in Keras; ``end``: one row
        and one column of zeros at the end, and floor((side + 1 - kernel) / stride) + 1 pixels. With a 3 x 3
        kernel and stride 2 both are the same for even sides.

    Returns:
      [batch, height, width, features].

    Raises:
      KeyError: no padding has that name.
    """
    return _convolved(x, kernel, stride, padding, groups=1)


def depthwise_conv2d(x: Array, kernel: Array, stride: int = 1, padding: str = "same") -> Array:
    """Convolution of each channel with a kernel of its own.

    Args:
      x: [batch, height, width, channels].
      kernel: [height, width, 1, channels].
      stride, padding: see :func:`conv2d`.

    Returns:
      [batch, height, width, channels].

    Raises:
      KeyError: no padding has that name.
    """
    return _convolved(x, kernel, stride, padding, groups=x.shape[-1])


def _convolved(x: Array, kernel: Array, stride: int, padding: str, groups: int) -> Array:
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        PADDINGS[padding],
        dimension_numbers=_LAYOUT,
        feature_group_count=groups,
    )
