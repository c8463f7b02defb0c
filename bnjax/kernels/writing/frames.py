"""Dense products: what they see of images, which lie in frames of zeros."""

from collections.abc import Callable
from typing import NamedTuple

from bnjax.kernels.writing.llvm import Code, Value
from bnjax.kernels.writing.shapes import Axis, Convolution, Framed, Sides, backward_axis, forward_axis

#: From a side, places of the kernel, stride and pads to the axes of a product, and how the side is framed.
AxisOf = Callable[[int, int, int, tuple[int, int]], tuple[tuple[Axis, ...], Framed]]


class Product(NamedTuple):
    """A convolution, or the gradient of its input, for the code that computes either.

    Attributes:
      rows, columns: the axes; each of one goes with each of the other.
      framed: how rows and columns of an image lie in its frame.
      source, target: what an image is, and what comes out of it.
      kernel: height and width of the kernel.
      sums: multiplications for each image.
      turned: whether the kernel is [height, width, target's channels, source's channels].
    """

    rows: tuple[Axis, ...]
    columns: tuple[Axis, ...]
    framed: tuple[Framed, Framed]
    source: Sides
    target: Sides
    kernel: tuple[int, int]
    sums: int
    turned: bool

    @property
    def is_framed(self) -> bool:
        """Whether an image has to be copied: there are zeros around it, or a row is not used to its end."""
        rows, columns = self.framed
        return rows != Framed(0, rows.size, rows.size) or columns != Framed(0, *[self.source.width] * 2)

    @property
    def frame_size(self) -> int:
        """Numbers of the frame; 0 where images are read as they are."""
        return self.frame.size if self.is_framed else 0

    @property
    def apart(self) -> int:
        """Numbers from one image to the next one, where several are read."""
        return self.frame.size if self.is_framed else self.source.size

    @property
    def frame(self) -> Sides:
        """The image as the product reads it."""
        rows, columns = self.framed
        return Sides(rows.size, columns.size, self.source.channels)


def forward(shape: Convolution) -> Product:
    """Images [batch, height, width, channels] times a kernel -> [batch, height, width, features]."""
    return _product(shape, forward_axis, turned=False)


def input_gradient(shape: Convolution) -> Product:
    """A gradient [batch, height, width, features] times a kernel -> that of the images."""
    return _product(shape, backward_axis, turned=True)


def _product(shape: Convolution, axis_of: AxisOf, *, turned: bool) -> Product:
    rows, framed_rows = axis_of(shape.height, shape.rows, shape.stride, shape.pads[0])
    columns, framed_columns = axis_of(shape.width, shape.columns, shape.stride, shape.pads[1])
    images, results = shape.images, shape.results
    source, target = (results, images) if turned else (images, results)
    sides = (shape.rows, shape.columns)
    return Product(rows, columns, (framed_rows, framed_columns), source, target, sides, shape.sums, turned)


def clear_frames(code: Code, product: Product, count: int = 1) -> None:
    """Writes all of ``prepare``: the zeros of a thread's frames, which images are then put between."""
    [own] = code.arguments
    code.clear(own, count * product.frame_size)
    code.finish()


def framed(code: Code, images: Value, own: Value, product: Product, count: int | Value = 1) -> Value:
    """Puts images into frames where they need them; returns where the product reads them."""
    if not product.is_framed:
        return images

    def copy_image(index: Value, _: list[Value]) -> None:
        image, frame = (
            code.at(images, (index, product.source.size)),
            code.at(own, (index, product.frame.size)),
        )
        _copy_rows(code, image, frame, product)

    code.loop(count, copy_image)
    return own


def _copy_rows(code: Code, image: Value, frame: Value, product: Product) -> None:
    rows, columns = product.framed
    channels, line = product.source.channels, product.frame.row
    start = rows.before * line + columns.before * channels

    def copy_row(row: Value, _: list[Value]) -> None:
        source = code.at(image, (row, product.source.row))
        code.copy(code.at(frame, start, (row, line)), source, columns.used * channels)

    code.loop(rows.used, copy_row)
