"""Depthwise convolutions and both of their gradients, as code.

Each channel is convolved by itself, so vectors of channels go through the places of an image side by side.
Places at the borders, which see less of the kernel, have code of their own: no zeros are put around images.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from llvmlite import ir

from bnjax.kernels.writing.borders import Places, backward_places, forward_places
from bnjax.kernels.writing.llvm import Code, Functions, Part, Value, int64, zeros
from bnjax.kernels.writing.machine import Machine
from bnjax.kernels.writing.shapes import Convolution, Sides, Span, evenly
from bnjax.kernels.writing.tiles import Block, blocks, lanes_for
from bnjax.kernels.writing.work import Work

#: Parts of the batch with sums of their own, as many on every machine: bits do not depend on the threads.
_CHUNKS = 32
#: Pixels of a row that are computed together, where the processor has 32 registers.
_TOGETHER = 8
#: A place of the kernel: row and column.
_Place = tuple[int, int]


class _Shift(NamedTuple):
    """How code goes through images.

    Attributes:
      rows, columns: the places of the target.
      source: the image that is seen.
      target: the one whose places see it.
    """

    rows: list[Places]
    columns: list[Places]
    source: Sides
    target: Sides


def write_forward(shape: Convolution, module: ir.Module, machine: Machine) -> Work:
    """Adds the functions: images times a kernel [rows, columns, 1, channels] -> images; each is an item."""
    shift = _Shift(*_axes(shape, forward_places), shape.images, shape.results)
    return _write_sums(shift, shape, module, machine)


def write_input_gradient(shape: Convolution, module: ir.Module, machine: Machine) -> Work:
    """Adds the functions: a gradient times a kernel -> the gradient of the images; each is an item."""
    shift = _Shift(*_axes(shape, backward_places), shape.results, shape.images)
    return _write_sums(shift, shape, module, machine)


def write_kernel_gradient(shape: Convolution, module: ir.Module, machine: Machine) -> Work:
    """Adds the functions: images and a gradient -> the gradient of the kernel; each chunk is an item."""
    functions = Functions(module)
    for code in (functions.before(), functions.prepare()):
        code.finish()
    size = shape.rows * shape.columns * shape.channels
    _write_chunk(functions.item(), shape, machine, size)
    _write_total(functions.end_group(), machine, size)
    return Work(per_image=0, fixed=_CHUNKS, groups=1, shared=_CHUNKS * size, own=0, sums=_sums(shape))


def _sums(shape: Convolution) -> int:
    """Sums of a dense product that take as long: here each number that is loaded is used a few times only."""
    return 8 * shape.sums


def _axes(
    shape: Convolution, places: Callable[[int, int, int, tuple[int, int]], list[Places]]
) -> tuple[list[Places], list[Places]]:
    rows = places(shape.height, shape.rows, shape.stride, shape.pads[0])
    return rows, places(shape.width, shape.columns, shape.stride, shape.pads[1])


def _write_sums(shift: _Shift, shape: Convolution, module: ir.Module, machine: Machine) -> Work:
    functions = Functions(module)
    for code in (functions.before(), functions.prepare(), functions.end_group()):
        code.finish()
    code = functions.item()
    images, kernel, results, _, _, image, _ = code.arguments
    source, target = (image, shift.source.size), (image, shift.target.size)
    writer = _Writer(code, shift, shape, machine)
    writer.rows(code.at(images, source), code.at(results, target), kernel, writer.write_sums)
    code.finish()
    return Work(per_image=1, fixed=0, groups=0, shared=0, own=0, sums=_sums(shape))


def _write_chunk(code: Code, shape: Convolution, machine: Machine, size: int) -> None:
    images, gradients, _, shared, _, chunk, batch = code.arguments
    sums = code.at(shared, (chunk, size))
    code.clear(sums, size)
    shift = _Shift(*_axes(shape, forward_places), shape.images, shape.results)
    writer = _Writer(code, shift, shape, machine)
    first, end = code.share(batch, chunk, int64(_CHUNKS))

    def add_image(image: Value, _: list[Value]) -> None:
        source = code.at(images, (image, shift.source.size))
        target = code.at(gradients, (image, shift.target.size))
        writer.rows(source, target, sums, writer.add_products)

    code.loop(end, add_image, start=first)
    code.finish()


def _write_total(code: Code, machine: Machine, size: int) -> None:
    """Adds up the chunks' sums, in the order of the chunks."""
    _, _, kernel, shared, _, _ = code.arguments
    for block in blocks(size, machine.lanes, 1):
        [part] = block.parts

        def add_chunks(index: Value, _: list[Value], block: Block = block, part: Part = part) -> None:
            first = code.at(shared, block.start, (index, block.width))
            total = code.load(first, part)
            for chunk in range(1, _CHUNKS):
                total = code.add(total, code.load(code.at(first, chunk * size), part))
            code.store(total, code.at(kernel, block.start, (index, block.width)), part)

        code.loop(block.count, add_chunks)
    code.finish()


class _Row(NamedTuple):
    """A row of the target and a vector of channels, while code is written for it.

    Attributes:
      taps: the rows of the kernel that it sees, and the line of the source through each of them.
      line: the target's.
      kernel: what has the kernel's shape.
      part: the channels.
    """

    taps: dict[int, Value]
    line: Value
    kernel: Value
    part: Part


class _Writer:
    """Writes the loops over an image: rows, then channels, then columns."""

    def __init__(self, code: Code, shift: _Shift, shape: Convolution, machine: Machine):
        self._code, self._shift, self._shape = code, shift, shape
        together = _TOGETHER if machine.registers >= 32 else _TOGETHER // 2
        self._columns = [
            (columns, span) for columns in shift.columns for span in evenly(columns.count, together)
        ]
        self._blocks = blocks(shape.channels, lanes_for(shape.channels, machine), 1)

    def rows(self, source: Value, target: Value, kernel: Value, write: Callable[[_Row], None]) -> None:
        """Code for each row of the target and each vector of channels."""
        code = self._code
        for rows in self._shift.rows:

            def each_row(index: Value, _: list[Value], rows: Places = rows) -> None:
                step = (index, rows.step * self._shift.source.row)
                taps = {tap: code.at(source, seen * self._shift.source.row, step) for tap, seen in rows.taps}
                line = code.at(
                    target, rows.first * self._shift.target.row, (index, rows.apart * self._shift.target.row)
                )
                for block in self._blocks:

                    def each_vector(number: Value, _: list[Value], block: Block = block) -> None:
                        moved = (block.start, (number, block.width))
                        lines = {tap: code.at(seen, *moved) for tap, seen in taps.items()}
                        write(_Row(lines, code.at(line, *moved), code.at(kernel, *moved), block.parts[0]))

                    code.loop(block.count, each_vector)

            code.loop(rows.count, each_row)

    def write_sums(self, row: _Row) -> None:
        """Every place of the target is a sum of places of the source times the kernel."""
        code = self._code
        weights = {place: code.load(self._kernel_at(row, place), row.part) for place in self._places(row)}
        for columns, span in self._columns:

            def write_pixels(
                index: Value, _: list[Value], columns: Places = columns, span: Span = span
            ) -> None:
                sums = [zeros(row.part.lanes)] * span.size
                for place, pixel, value in self._seen(row, columns, span, index):
                    sums[pixel] = code.multiply_add(value, weights[place], sums[pixel])
                for pixel, total in enumerate(sums):
                    code.store(total, self._pixel(row, columns, span, index, pixel), row.part)

            code.loop(span.count, write_pixels)

    def add_products(self, row: _Row) -> None:
        """To each place of the kernel the target times what is seen through it, summed over the row."""
        code, places = self._code, self._places(row)
        sums = [zeros(row.part.lanes)] * len(places)
        for columns, span in self._columns:

            def add_pixels(
                index: Value, sums: list[Value], columns: Places = columns, span: Span = span
            ) -> list[Value]:
                added = dict(zip(places, sums, strict=True))
                given = [
                    code.load(self._pixel(row, columns, span, index, pixel), row.part)
                    for pixel in range(span.size)
                ]
                for place, pixel, value in self._seen(row, columns, span, index):
                    added[place] = code.multiply_add(value, given[pixel], added[place])
                return list(added.values())

            sums = code.loop(span.count, add_pixels, sums)
        for place, total in zip(places, sums, strict=True):
            at = self._kernel_at(row, place)
            code.store(code.add(code.load(at, row.part), total), at, row.part)

    def _places(self, row: _Row) -> list[_Place]:
        return list(itertools.product(row.taps, range(self._shape.columns)))

    def _kernel_at(self, row: _Row, place: _Place) -> Value:
        return self._code.at(row.kernel, (place[0] * self._shape.columns + place[1]) * self._shape.channels)

    def _pixel(self, row: _Row, columns: Places, span: Span, index: Value, pixel: int) -> Value:
        """Where a pixel of the target lies, of those that are computed together."""
        channels = self._shape.channels
        first = columns.first + (span.start + pixel) * columns.apart
        return self._code.at(row.line, first * channels, (index, span.size * columns.apart * channels))

    def _seen(
        self, row: _Row, columns: Places, span: Span, index: Value
    ) -> Iterator[tuple[_Place, int, Value]]:
        """What pixels see: places of the kernel, numbers of pixels, and the values, each loaded once."""
        channels = self._shape.channels
        for tap_row, line in row.taps.items():
            start = self._code.at(line, (index, span.size * columns.step * channels))
            loaded: dict[int, Value] = {}
            for pixel in range(span.size):
                for tap, first in columns.taps:
                    column = first + (span.start + pixel) * columns.step
                    if column not in loaded:
                        loaded[column] = self._code.load(self._code.at(start, column * channels), row.part)
                    yield (tap_row, tap), pixel, loaded[column]
