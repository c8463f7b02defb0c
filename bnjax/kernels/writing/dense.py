"""Dense convolutions and the gradients of their inputs, as code.

Both are the same product. Each image is copied into a frame of zeros; then every output pixel is a product of
rows of that frame, in which the numbers of a kernel's row lie side by side, with weights packed in the order
in which they are read. A register tile holds a few pixels times a few vectors of features.

The gradient of the input with stride s is s * s such products, one for each remainder of row and column by s:
the pixels with that remainder see every s-th place of the kernel.
"""

import itertools
from typing import NamedTuple

from llvmlite import ir

from bnjax.kernels.writing.frames import Product, clear_frames, framed
from bnjax.kernels.writing.llvm import Code, Functions, Part, Value, int64, zeros
from bnjax.kernels.writing.machine import Machine
from bnjax.kernels.writing.packing import Packing, Pair
from bnjax.kernels.writing.shapes import Span, evenly
from bnjax.kernels.writing.tiles import Block, Line, Tile, best_tile, blocks, inner_product, lanes_for
from bnjax.kernels.writing.work import Work


def write_product(product: Product, module: ir.Module, machine: Machine) -> Work:
    """Adds the functions of a product; each image is an item."""
    features = product.target.channels
    lanes = lanes_for(features, machine)
    counts = (product.rows[0].count, product.columns[0].count, -(-features // lanes))
    tile = best_tile(*counts, machine.registers)
    cut = blocks(features, lanes, tile.vectors)
    packing, functions = Packing(product, cut), Functions(module)
    packing.write(functions.before())
    clear_frames(functions.prepare(), product)
    code = functions.item()
    images, _, results, shared, own, image, _ = code.arguments
    frame = framed(code, code.at(images, (image, product.source.size)), own, product)
    target = code.at(results, (image, product.target.size))
    for pair, block in itertools.product(packing.pairs, cut):
        _PairWriter(code, product, pair, block, tile).write(frame, shared, target)
    code.finish()
    functions.end_group().finish()
    return Work(
        per_image=1, fixed=0, groups=0, shared=packing.size, own=product.frame_size, sums=product.sums
    )


class _PairWriter(NamedTuple):
    """Writes the loops over one pair's outputs in equal blocks of features."""

    code: Code
    product: Product
    pair: Pair
    block: Block
    tile: Tile

    def write(self, frame: Value, shared: Value, target: Value) -> None:
        """All rows and columns of all of these blocks."""
        code, pair, block = self.code, self.pair, self.block
        channels = self.product.source.channels
        size = pair.places(channels)

        def do_block(index: Value, _: list[Value]) -> None:
            weights = code.at(shared, pair.start + size * block.start, (index, size * block.width))
            features = code.at(target, block.start, (index, block.width))
            for high in evenly(pair.rows.count, self.tile.rows):
                for wide in evenly(pair.columns.count, self.tile.columns):
                    self._tiles(frame, weights, features, high, wide)

        code.loop(block.count, do_block)

    def _tiles(self, frame: Value, weights: Value, features: Value, high: Span, wide: Span) -> None:
        """Equal tiles."""
        code, (rows, columns, _) = self.code, self.pair
        frame_row, (_, _, channels) = self.product.frame.row, self.product.frame
        out_row, out_channels = self.product.target.row, self.product.target.channels

        def do_rows(row: Value, _: list[Value]) -> None:
            taps = self._useful_taps(row, high)

            def do_columns(column: Value, _: list[Value]) -> None:
                seen = code.at(
                    frame,
                    (rows.seen + high.start * rows.stride) * frame_row,
                    (columns.seen + wide.start * columns.stride) * channels,
                    (row, high.size * rows.stride * frame_row),
                    (column, wide.size * columns.stride * channels),
                )
                result = code.at(
                    features,
                    (rows.first + high.start * rows.apart) * out_row,
                    (columns.first + wide.start * columns.apart) * out_channels,
                    (row, high.size * rows.apart * out_row),
                    (column, wide.size * columns.apart * out_channels),
                )
                self._tile_of(seen, weights, result, (high.size, wide.size), taps)

            code.loop(wide.count, do_columns)

        code.loop(high.count, do_rows)

    def _useful_taps(self, row: Value, high: Span) -> tuple[int | Value, int | Value]:
        """The rows of the kernel through which tiles see more than zeros above and below the image."""
        code, rows, framed = self.code, self.pair.rows, self.product.framed[0]
        if framed.used == framed.size or not rows.taps:
            return 0, rows.taps
        step = code.builder.mul(row, int64(high.size * rows.stride))
        first = code.builder.add(step, int64(rows.seen + high.start * rows.stride))
        last = code.builder.add(first, int64((high.size - 1) * rows.stride))
        start = code.most(code.builder.sub(int64(framed.before), last), 0)
        end = code.least(code.builder.sub(int64(framed.before + framed.used), first), rows.taps)
        return start, end

    def _tile_of(
        self,
        seen: Value,
        weights: Value,
        result: Value,
        sides: tuple[int, int],
        taps: tuple[int | Value, int | Value],
    ) -> None:
        code, (rows, columns, _) = self.code, self.pair
        frame, target = self.product.frame, self.product.target
        pixels = list(itertools.product(*map(range, sides)))
        reads = [r * rows.stride * frame.row + c * columns.stride * frame.channels for r, c in pixels]
        writes = [r * rows.apart * target.row + c * columns.apart * target.channels for r, c in pixels]
        numbers = columns.taps * frame.channels
        whole = [Part(part.lanes, part.lanes) for part in self.block.parts]
        sums = [zeros(part.lanes) for _ in pixels for part in self.block.parts]

        def add_row(row: Value, sums: list[Value]) -> list[Value]:
            line = Line(code.at(seen, (row, frame.row)), 1)
            packed = Line(code.at(weights, (row, numbers * self.block.width)), self.block.width)
            return inner_product(code, line, packed, reads, whole, numbers, sums)

        if numbers:
            sums = code.loop(taps[1], add_row, sums, start=taps[0])
        each = iter(sums)
        for offset in writes:
            for index, part in enumerate(self.block.parts):
                code.store(next(each), code.at(result, offset + index * part.lanes), part)
