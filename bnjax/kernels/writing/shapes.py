"""Shapes of convolutions, and how counts are cut into parts."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

#: So many items keep the cores of a large machine busy,
_ITEMS = 32
#: from so many chunks, which take no more memory than so many numbers.
_MOST_CHUNKS, _MOST_SUMS = 16, 1 << 22

Pads = tuple[tuple[int, int], tuple[int, int]]


class Sides(NamedTuple):
    """Height, width and channels of an image in memory."""

    height: int
    width: int
    channels: int

    @property
    def row(self) -> int:
        """Numbers in a row."""
        return self.width * self.channels

    @property
    def size(self) -> int:
        """Numbers in an image."""
        return self.height * self.row


class Convolution(NamedTuple):
    """The shape of a convolution, but for the batch.

    Attributes:
      height, width, channels: of the images.
      features: that come out; of a depthwise convolution as many as there are channels.
      rows, columns: of the kernel.
      stride: of both sides.
      pads: zeros before and behind rows, and columns.
      depthwise: whether each channel is convolved by itself.
    """

    height: int
    width: int
    channels: int
    features: int
    rows: int
    columns: int
    stride: int
    pads: Pads
    depthwise: bool = False

    @property
    def images(self) -> Sides:
        """What goes in."""
        return Sides(self.height, self.width, self.channels)

    @property
    def results(self) -> Sides:
        """What comes out."""
        return Sides(*self.out_sides, self.features)

    @property
    def out_sides(self) -> tuple[int, int]:
        """Height and width of what comes out."""
        sides = zip((self.height, self.width), (self.rows, self.columns), self.pads, strict=True)
        height, width = ((side + sum(pads) - taps) // self.stride + 1 for side, taps, pads in sides)
        return height, width

    @property
    def kernel(self) -> tuple[int, int, int, int]:
        """The sides of the kernel."""
        return self.rows, self.columns, 1 if self.depthwise else self.channels, self.features

    @property
    def sums(self) -> int:
        """Multiplications for each image, those with the zeros around it included."""
        height, width, _ = self.results
        return height * width * math.prod(self.kernel)

    @property
    def name(self) -> str:
        """All of it, as a part of a file's name."""
        (top, bottom), (left, right) = self.pads
        numbers = (*self[:7], top, bottom, left, right)
        return "_".join(map(str, numbers))


@dataclass(frozen=True)
class Span:
    """Parts of one size that lie side by side."""

    start: int
    size: int
    count: int


def evenly(count: int, most: int) -> list[Span]:
    """Cuts a count into as few parts as there can be of at most so many, as equal as possible."""
    parts = -(-count // most)
    smaller, larger = count // parts, count % parts
    cut = [Span(0, smaller + 1, larger), Span(larger * (smaller + 1), smaller, parts - larger)]
    return [span for span in cut if span.count]


def chunk_count(blocks: int, sums: int) -> int:
    """Parts of the batch, in a product that sums over it.

    Args:
      blocks: of features.
      sums: numbers of the kernel.
    """
    return max(1, min(-(-_ITEMS // blocks), _MOST_CHUNKS, _MOST_SUMS // sums))


@dataclass(frozen=True)
class Axis:
    """One axis of a product: which places it computes, and what each of them sees.

    Place n lies at ``first + n * apart`` of the output, and sees ``taps`` places of the framed input from
    ``seen + n * stride`` on; the t-th of them meets place ``kernel + t * turn`` of the kernel.
    """

    first: int
    apart: int
    count: int
    seen: int
    stride: int
    taps: int
    kernel: int
    turn: int


class Framed(NamedTuple):
    """One axis of the input, with zeros around it: so many before, used, and in all."""

    before: int
    used: int
    size: int


def forward_axis(side: int, taps: int, stride: int, pads: tuple[int, int]) -> tuple[tuple[Axis, ...], Framed]:
    """The one axis of a convolution."""
    count = (side + sum(pads) - taps) // stride + 1
    size = (count - 1) * stride + taps
    used = max(0, min(side, size - pads[0]))
    return (Axis(0, 1, count, 0, stride, taps, 0, 1),), Framed(pads[0], used, size)


def backward_axis(
    side: int, taps: int, stride: int, pads: tuple[int, int]
) -> tuple[tuple[Axis, ...], Framed]:
    """The axes of the gradient of a convolution's input, one for each remainder that is there."""
    count = (side + sum(pads) - taps) // stride + 1
    axes_seen = []
    for remainder in range(min(stride, side)):
        kernel = (remainder + pads[0]) % stride
        many = len(range(kernel, taps, stride))
        places = len(range(remainder, side, stride))
        # Place n sees outputs n + newest, n + newest - 1, ..., through the kernel's places from its first on.
        newest = (remainder + pads[0] - kernel) // stride
        last = kernel + (many - 1) * stride
        axes_seen.append(Axis(remainder, stride, places, newest - many + 1, 1, many, last, -stride))
    before = max(0, -min(axis.seen for axis in axes_seen))
    axes = tuple(replace(axis, seen=axis.seen + before) for axis in axes_seen)
    size = max(max(axis.seen + axis.count - 1 + axis.taps for axis in axes), 1)
    return axes, Framed(before, max(0, min(count, size - before)), size)
