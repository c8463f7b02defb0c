"""Register tiles: a few numbers of one side times a few vectors of the other, summed over a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bnjax.kernels.writing.llvm import Code, Part, Value
from bnjax.kernels.writing.machine import Machine
from bnjax.kernels.writing.shapes import Span, evenly

#: Turns of the inner loop that are written out.
_UNROLLED = 4
#: Vectors of a tile; more leave too few registers for the other side.
_MOST_VECTORS = 4
#: Sums that hide how long one takes: of fewer the processor waits for each.
_FEWEST_SUMS = 8


class Tile(NamedTuple):
    """What registers hold the sums of.

    Attributes:
      rows, columns: pixels, or for a kernel's gradient 1 and numbers of the image.
      vectors: of features.
    """

    rows: int
    columns: int
    vectors: int


@dataclass(frozen=True)
class Block:
    """Equal blocks of features that lie side by side.

    Attributes:
      start: the first feature.
      count: how many blocks.
      parts: the vectors of each.
    """

    start: int
    count: int
    parts: tuple[Part, ...]

    @property
    def width(self) -> int:
        """Features of a block, those counted in that only fill a vector."""
        return sum(part.lanes for part in self.parts)

    @property
    def counted(self) -> int:
        """Features of a block that there are."""
        return sum(part.counted for part in self.parts)


def lanes_for(features: int, machine: Machine) -> int:
    """Numbers in a vector: those of the machine, or of a smaller vector that holds all features."""
    return min(machine.lanes, 1 << (features - 1).bit_length())


def blocks(features: int, lanes: int, vectors: int) -> list[Block]:
    """Features in blocks of at most so many vectors; the last vector of the last one may be a part."""
    count = -(-features // lanes)
    rest = features - (count - 1) * lanes
    cut = []
    for span in evenly(count, vectors):
        start, whole = span.start * lanes, (Part(lanes, lanes),) * span.size
        last = span.start + span.size * span.count == count and rest < lanes
        if span.count > last:
            cut.append(Block(start, span.count - last, whole))
        if last:
            start += (span.count - 1) * span.size * lanes
            cut.append(Block(start, 1, (*whole[1:], Part(lanes, rest))))
    return cut


def best_tile(rows: int, columns: int, vectors: int, registers: int) -> Tile:
    """The tile with which an image takes the least time.

    A turn of the inner loop takes as long as its sums or its loads, of which there are one for each pixel and
    each vector. A sum, a vector of each feature and one number of a pixel lie in registers. Of tiles that
    take the same time those are best that leave no smaller ones at the ends, which need code of their own.
    """
    tiles = [
        Tile(high, wide, deep)
        for deep in range(1, min(vectors, _MOST_VECTORS) + 1)
        for wide in range(1, min(columns, registers) + 1)
        for high in range(1, (min(rows, registers) if wide == columns else 1) + 1)
        if high * wide * deep + deep + 1 < registers
    ]
    return min(tiles, key=lambda tile: _cost((rows, columns, vectors), tile))


def _cost(counts: tuple[int, int, int], tile: Tile) -> tuple[int, int, int]:
    time = loads = 0
    rows, columns, vectors = (evenly(count, most) for count, most in zip(counts, tile, strict=True))
    for high in rows:
        for wide in columns:
            for deep in vectors:
                times = high.count * wide.count * deep.count
                sums, loaded = high.size * wide.size * deep.size, high.size * wide.size + deep.size
                time += times * max(sums, loaded, _FEWEST_SUMS)
                loads += times * loaded
    return time, len(rows) * len(columns) * len(vectors), loads


class Line(NamedTuple):
    """One side of an inner product: where it starts, and numbers from one turn to the next."""

    start: Value
    step: int


def inner_product(
    code: Code,
    numbers: Line,
    vectors: Line,
    reads: Sequence[int],
    parts: Sequence[Part],
    turns: int,
    sums: Sequence[Value],
) -> list[Value]:
    """Adds to each sum what its number times its vector is, over so many turns.

    Args:
      reads: where the numbers lie in each turn, from the line's start.
      parts: the vectors, which lie side by side.
      sums: for each number those with all vectors.

    Returns:
      The sums.
    """
    for span in _unrolled(turns):

        def turn(index: Value, sums: list[Value], span: Span = span) -> list[Value]:
            number = code.at(numbers.start, span.start * numbers.step, (index, span.size * numbers.step))
            vector = code.at(vectors.start, span.start * vectors.step, (index, span.size * vectors.step))
            for step in range(span.size):
                sums = _one_turn(
                    code,
                    code.at(number, step * numbers.step),
                    code.at(vector, step * vectors.step),
                    reads,
                    parts,
                    sums,
                )
            return sums

        sums = code.loop(span.count, turn, sums)
    return list(sums)


def _one_turn(
    code: Code,
    number: Value,
    vector: Value,
    reads: Sequence[int],
    parts: Sequence[Part],
    sums: Sequence[Value],
) -> list[Value]:
    loaded = [code.load(code.at(vector, index * part.lanes), part) for index, part in enumerate(parts)]
    added = []
    each = iter(sums)
    for read in reads:
        spread = code.spread(code.at(number, read), parts[0].lanes)
        added += [code.multiply_add(spread, other, next(each)) for other in loaded]
    return added


def _unrolled(turns: int) -> list[Span]:
    """Turns in runs that are written out, and a rest."""
    whole, rest = divmod(turns, _UNROLLED)
    cut = [Span(0, _UNROLLED, whole), Span(whole * _UNROLLED, rest, 1)]
    return [span for span in cut if span.size and span.count]
