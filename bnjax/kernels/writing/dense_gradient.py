"""The gradient of a dense convolution's kernel, as code.

It is a sum over images and pixels. The batch is cut into chunks, as many on every machine, so that the order
of the sums, and with it their bits, does not depend on the number of threads. Each pair of a chunk and a
block of features is an item with sums of its own; whoever finishes the last chunk of a block adds up its
sums.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

from llvmlite import ir

from bnjax.kernels.writing.frames import Product, clear_frames, forward, framed
from bnjax.kernels.writing.llvm import Code, Functions, Part, Value, int64, zeros
from bnjax.kernels.writing.machine import Machine
from bnjax.kernels.writing.shapes import Convolution, Span, chunk_count, evenly
from bnjax.kernels.writing.tiles import Block, Line, best_tile, blocks, inner_product, lanes_for
from bnjax.kernels.writing.work import Work

#: Pixels that are added up before they are added to what other pixels came to,
_PIXELS = 256
#: and those that are worth a chunk.
_CHUNK_PIXELS = 512


def write_kernel_gradient(shape: Convolution, module: ir.Module, machine: Machine) -> Work:
    """Adds the functions: images and a gradient [batch, height, width, features] -> that of the kernel."""
    return _Writer(shape, module, machine).write()


class _Writer:
    def __init__(self, shape: Convolution, module: ir.Module, machine: Machine):
        self._shape, self._functions = shape, Functions(module)
        self._product: Product = forward(shape)
        self._line = shape.columns * shape.channels
        self._lanes = lanes_for(shape.features, machine)
        vectors = -(-shape.features // self._lanes)
        self._tile = best_tile(shape.rows, self._line, vectors, machine.registers)
        self._blocks = blocks(shape.features, self._lanes, self._tile.vectors)
        self._block_count = sum(block.count for block in self._blocks)
        self._sums = shape.rows * self._line * vectors * self._lanes
        self._chunks = chunk_count(self._block_count, self._sums)
        height, width = shape.out_sides
        self._together = max(1, _PIXELS // (height * width))

    def write(self) -> Work:
        self._functions.before().finish()
        clear_frames(self._functions.prepare(), self._product, self._together)
        self._write_item(self._functions.item())
        self._write_end(self._functions.end_group())
        items = self._block_count * self._chunks
        return Work(
            per_image=0,
            fixed=items,
            groups=self._block_count,
            shared=self._sums * self._chunks,
            own=self._together * self._product.frame_size,
            sums=self._shape.sums,
        )

    def _write_item(self, code: Code) -> None:
        images, gradients, _, shared, own, item, batch = code.arguments
        block_number = code.builder.sdiv(item, int64(self._chunks))
        chunk = code.builder.srem(item, int64(self._chunks))
        used = self._used_chunks(code, batch)
        first, end = code.share(batch, chunk, used)

        def add_images(block: Block, inside: Value) -> None:
            sums = self._sums_at(code, shared, block, inside, chunk)
            code.clear(sums, self._size_of(block))

            def add_some(image: Value, _: list[Value]) -> None:
                source = code.at(images, (image, self._product.source.size))
                count = code.least(code.builder.sub(end, image), self._together)
                some = 1 if self._together == 1 else count
                frames = framed(code, source, own, self._product, some)
                start = (block.start, (image, self._product.target.size), (inside, block.width))
                _BlockWriter(self, code, block, some).add(frames, code.at(gradients, *start), sums)

            code.loop(end, add_some, start=first, step=self._together)

        with code.within(chunk, 0, used):
            self._for_block(code, block_number, add_images)
        code.finish()

    def _used_chunks(self, code: Code, batch: Value) -> Value:
        """How many chunks the batch is cut into: fewer where it has few pixels."""
        height, width = self._shape.out_sides
        pixels = code.builder.mul(batch, int64(height * width))
        return code.most(code.least(code.builder.sdiv(pixels, int64(_CHUNK_PIXELS)), self._chunks), 1)

    def _write_end(self, code: Code) -> None:
        """Adds up the chunks' sums, in the order of the chunks."""
        _, _, kernel, shared, block_number, batch = code.arguments
        used = self._used_chunks(code, batch)

        def add_chunks(block: Block, inside: Value) -> None:
            first = self._sums_at(code, shared, block, inside, int64(0))
            target = code.at(kernel, block.start, (inside, block.width))

            def add_place(place: Value, _: list[Value]) -> None:
                offsets = [index * block.parts[0].lanes for index in range(len(block.parts))]
                whole = Part(block.parts[0].lanes, block.parts[0].lanes)

                def sums_of(chunk: Value) -> list[Value]:
                    start = code.at(first, (place, block.width), (chunk, self._size_of(block)))
                    return [code.load(code.at(start, offset), whole) for offset in offsets]

                def add_chunk(chunk: Value, totals: list[Value]) -> list[Value]:
                    return [code.add(*pair) for pair in zip(totals, sums_of(chunk), strict=True)]

                totals = code.loop(used, add_chunk, sums_of(int64(0)), start=1)
                for total, offset, part in zip(totals, offsets, block.parts, strict=True):
                    code.store(total, code.at(target, offset, (place, self._shape.features)), part)

            code.loop(self._shape.rows * self._line, add_place)

        self._for_block(code, block_number, add_chunks)
        code.finish()

    def _for_block(self, code: Code, block_number: Value, write: Callable[[Block, Value], None]) -> None:
        """Code for the block with a number: equal blocks share theirs, and get the number among them."""
        before = 0
        for block in self._blocks:
            with code.within(block_number, before, before + block.count):
                write(block, code.builder.sub(block_number, int64(before)))
            before += block.count

    def _size_of(self, block: Block) -> int:
        return self._shape.rows * self._line * block.width

    def _sums_at(self, code: Code, shared: Value, block: Block, inside: Value, chunk: Value) -> Value:
        size = self._size_of(block)
        start = self._shape.rows * self._line * block.start * self._chunks
        return code.at(shared, start, (inside, size * self._chunks), (chunk, size))


class _BlockWriter(NamedTuple):
    """Writes what adds so many images to the sums of one block."""

    writer: _Writer
    code: Code
    block: Block
    images: int | Value

    def add(self, frames: Value, gradient: Value, sums: Value) -> None:
        """Some rows of pixels at a time, so that they stay near while all of the kernel is gone through."""
        height, width = self.writer._shape.out_sides
        target = self.writer._product.target
        for high in evenly(height, max(1, _PIXELS // width)):

            def add_rows(row: Value, _: list[Value], high: Span = high) -> None:
                step = self.writer._shape.stride * self.writer._product.frame.row
                seen = self.code.at(frames, high.start * step, (row, high.size * step))
                given = self.code.at(gradient, high.start * target.row, (row, high.size * target.row))
                self._add_pixels(seen, given, sums, (row, high))

            self.code.loop(high.count, add_rows)

    def _useful_rows(
        self, tile: tuple[Value, Span], pixels: tuple[Value, Span]
    ) -> tuple[int | Value, int | Value]:
        """Rows of pixels that see more than zeros around the image through a tile's rows of the kernel."""
        code, framed, stride = self.code, self.writer._product.framed[0], self.writer._shape.stride
        (tile_index, high), (index, block) = tile, pixels
        if framed.used == framed.size:
            return 0, block.size
        builder = code.builder
        tap = builder.add(builder.mul(tile_index, int64(high.size)), int64(high.start))
        first = builder.add(builder.mul(index, int64(block.size)), int64(block.start))
        # Row y sees the frame's rows from y * stride + tap on; the image lies at framed.before.
        hidden = code.most(builder.sub(int64(framed.before - high.size + 1), tap), 0)
        seen = code.most(builder.sub(int64(framed.before + framed.used), tap), 0)
        start, end = (
            builder.sub(builder.sdiv(builder.add(rows, int64(stride - 1)), int64(stride)), first)
            for rows in (hidden, seen)
        )
        return code.most(start, 0), code.least(end, block.size)

    def _add_pixels(self, seen: Value, given: Value, sums: Value, pixels: tuple[Value, Span]) -> None:
        shape, line, tile = self.writer._shape, self.writer._line, self.writer._tile
        frame_row = self.writer._product.frame.row
        for high in evenly(shape.rows, tile.rows):
            for wide in evenly(line, tile.columns):

                def add_row_tiles(row: Value, _: list[Value], high: Span = high, wide: Span = wide) -> None:
                    rows = self._useful_rows((row, high), pixels)

                    def add_tile(place: Value, _: list[Value]) -> None:
                        source = self.code.at(
                            seen,
                            high.start * frame_row + wide.start,
                            (row, high.size * frame_row),
                            (place, wide.size),
                        )
                        first = (high.start * line + wide.start) * self.block.width
                        rest = [
                            (row, high.size * line * self.block.width),
                            (place, wide.size * self.block.width),
                        ]
                        target = self.code.at(sums, first, *rest)
                        self._add_tile(source, given, target, (high.size, wide.size), rows)

                    self.code.loop(wide.count, add_tile)

                self.code.loop(high.count, add_row_tiles)

    def _add_tile(
        self,
        seen: Value,
        given: Value,
        sums: Value,
        sides: tuple[int, int],
        rows: tuple[int | Value, int | Value],
    ) -> None:
        """Adds pixels in rows of the image to a tile of sums: rows of the kernel, numbers of each of them."""
        code, block, shape, product = self.code, self.block, self.writer._shape, self.writer._product
        places = list(itertools.product(*map(range, sides)))
        reads = [row * product.frame.row + place for row, place in places]

        def add_image(image: Value, added: list[Value]) -> list[Value]:
            def add_row(row: Value, added: list[Value]) -> list[Value]:
                seen_row = (row, shape.stride * product.frame.row)
                numbers = code.at(seen, seen_row, (image, product.apart))
                vectors = code.at(given, (row, product.target.row), (image, product.target.size))
                lines = Line(numbers, shape.stride * shape.channels), Line(vectors, shape.features)
                return inner_product(code, *lines, reads, block.parts, shape.out_sides[1], added)

            return code.loop(rows[1], add_row, added, start=rows[0])

        empty = [zeros(part.lanes) for _ in places for part in block.parts]
        added = iter(code.loop(self.images, add_image, empty))
        for row, place in places:
            for index, part in enumerate(block.parts):
                at = code.at(sums, (row * self.writer._line + place) * block.width + index * part.lanes)
                whole = Part(part.lanes, part.lanes)
                code.store(code.add(code.load(at, whole), next(added)), at, whole)
