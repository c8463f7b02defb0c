"""Places of an axis by what they see of a kernel: at borders less than within."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Places:
    """Places of an axis that see the same places of the kernel.

    Attributes:
      first, apart, count: they are ``first``, ``first + apart``, ...
      taps: which places of the kernel they see, and through each of them which place of the source the first
        one sees.
      step: how far what they see moves from one place to the next.
    """

    first: int
    apart: int
    count: int
    taps: tuple[tuple[int, int], ...]
    step: int


def forward_places(side: int, taps: int, stride: int, pads: tuple[int, int]) -> list[Places]:
    """Outputs of a convolution by what they see of its input, zeros left out."""
    count = (side + sum(pads) - taps) // stride + 1
    seen = [
        [
            (tap, place * stride + tap - pads[0])
            for tap in range(taps)
            if 0 <= place * stride + tap - pads[0] < side
        ]
        for place in range(count)
    ]
    return _alike(seen, 0, 1, stride)


def backward_places(side: int, taps: int, stride: int, pads: tuple[int, int]) -> list[Places]:
    """Inputs of a convolution by the outputs that they count in."""
    count = (side + sum(pads) - taps) // stride + 1
    places = []
    for remainder in range(min(stride, side)):
        seen = [
            [
                (tap, (place + pads[0] - tap) // stride)
                for tap in range(taps)
                if (place + pads[0] - tap) % stride == 0 and 0 <= (place + pads[0] - tap) // stride < count
            ]
            for place in range(remainder, side, stride)
        ]
        places += _alike(seen, remainder, stride, 1)
    return places


def _alike(seen: list[list[tuple[int, int]]], first: int, apart: int, step: int) -> list[Places]:
    """Neighbouring places that see the same places of the kernel, together."""
    places: list[Places] = []
    for number, taps in enumerate(seen):
        before = [tap for tap, _ in places[-1].taps] if places else None
        if before == [tap for tap, _ in taps]:
            places[-1] = replace(places[-1], count=places[-1].count + 1)
        else:
            places.append(Places(first + number * apart, apart, 1, tuple(taps), step))
    return places
