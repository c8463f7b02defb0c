"""Weights of dense products in the order in which they are read."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from bnjax.kernels.writing.frames import Product
from bnjax.kernels.writing.llvm import Code, Part, Value
from bnjax.kernels.writing.shapes import Axis, Span, evenly
from bnjax.kernels.writing.tiles import Block

#: Numbers of a row that packing moves at a time: a cache line.
_LINE = 16


class Pair(NamedTuple):
    """One axis of rows with one of columns, and where its packed weights start.

    Weights lie in blocks of features, each [rows of the kernel, its columns, channels, features of the
    block].
    """

    rows: Axis
    columns: Axis
    start: int

    def places(self, channels: int) -> int:
        """Numbers that an output is a sum over."""
        return self.rows.taps * self.columns.taps * channels


class Packing:
    """The packed weights of a product.

    Attributes:
      pairs: each axis of rows with each of columns.
      size: numbers of all of them.
    """

    def __init__(self, product: Product, blocks: Sequence[Block]):
        self._product, self._blocks = product, blocks
        self._channels = product.source.channels
        features = sum(block.count * block.width for block in blocks)
        self.pairs: list[Pair] = []
        self.size = 0
        for rows, columns in itertools.product(product.rows, product.columns):
            pair = Pair(rows, columns, self.size)
            self.pairs.append(pair)
            self.size += pair.places(self._channels) * features

    def write(self, code: Code) -> None:
        """Writes all of ``before``: weights from a kernel to the scratch memory that threads share."""
        _, kernel, _, shared, _ = code.arguments
        if self._product.turned and any(block.counted < block.width for block in self._blocks):
            code.clear(shared, self.size)  # what is behind the last feature is not written else
        for pair, block in itertools.product(self.pairs, self._blocks):
            self._pack(code, kernel, shared, pair, block)
        code.finish()

    def _pack(self, code: Code, kernel: Value, shared: Value, pair: Pair, block: Block) -> None:
        """The weights of one pair and equal blocks."""
        place = self._channels * self._product.target.channels
        line = self._product.kernel[1] * place
        size = pair.places(self._channels) * block.width
        start = pair.start + pair.places(self._channels) * block.start

        def pack_block(number: Value, _: list[Value]) -> None:
            def pack_row(row: Value, _: list[Value]) -> None:
                def pack_column(column: Value, _: list[Value]) -> None:
                    source = code.at(
                        kernel,
                        pair.rows.kernel * line + pair.columns.kernel * place,
                        (row, pair.rows.turn * line),
                        (column, pair.columns.turn * place),
                    )
                    width = self._channels * block.width
                    places = [(number, size), (row, pair.columns.taps * width), (column, width)]
                    self._pack_place(code, source, code.at(shared, start, *places), block, number)

                code.loop(pair.columns.taps, pack_column)

            code.loop(pair.rows.taps, pack_row)

        code.loop(block.count, pack_block)

    def _pack_place(self, code: Code, source: Value, target: Value, block: Block, number: Value) -> None:
        """The weights of one place of the kernel and one block: [channels, features of the block]."""
        if self._product.turned:
            self._pack_turned(
                code,
                code.at(source, block.start * self._channels, (number, block.width * self._channels)),
                target,
                block,
            )
            return
        features = self._product.target.channels

        def pack_channel(channel: Value, _: list[Value]) -> None:
            start = code.at(source, block.start, (number, block.width), (channel, features))
            packed = code.at(target, (channel, block.width))
            for index, part in enumerate(block.parts):
                whole = Part(part.lanes, part.lanes)
                offset = index * part.lanes
                code.store(code.load(code.at(start, offset), part), code.at(packed, offset), whole)

        code.loop(self._channels, pack_channel)

    def _pack_turned(self, code: Code, source: Value, target: Value, block: Block) -> None:
        """The same from [features, channels], a cache line of channels at a time."""
        for span in evenly(self._channels, _LINE):

            def pack_line(line: Value, _: list[Value], span: Span = span) -> None:
                def pack_feature(feature: Value, _: list[Value]) -> None:
                    start = code.at(source, span.start, (line, span.size), (feature, self._channels))
                    packed = code.at(
                        target, span.start * block.width, (line, span.size * block.width), (feature, 1)
                    )
                    for channel in range(span.size):
                        code.move(code.at(packed, channel * block.width), code.at(start, channel))

                code.loop(block.counted, pack_feature)

            code.loop(span.count, pack_line)
