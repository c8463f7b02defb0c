"""Types of the numbers that records hold, with their ranges."""

from typing import Annotated, NamedTuple


class Range(NamedTuple):
    """Least and largest value of a number."""

    low: float
    high: float


class AtMost(NamedTuple):
    """The other number of the same object that one cannot exceed."""

    name: str


_LARGEST = 2**53
Fraction = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(0, _LARGEST)]
Ordinal = Annotated[int, Range(1, _LARGEST)]
Amount = Annotated[float, Range(0, _LARGEST)]
Loss = Annotated[float, Range(-0.001, 1e300)]  # rounding may leave one just below 0
#: Null where they are not finite, or were not measured.
LossOrNull = Annotated[float | None, Range(-0.001, 1e300)]
FractionOrNull = Annotated[float | None, Range(0, 1)]
#: Of what is measured of arrays; null where it is not finite.
SizeOrNull = Annotated[float | None, Range(0, 1e300)]
NumberOrNull = Annotated[float | None, Range(-1e300, 1e300)]
CosineOrNull = Annotated[float | None, Range(-1, 1)]
