"""What whoever calls a kernel has to know of it."""

from typing import NamedTuple


class Work(NamedTuple):
    """How much a kernel does, and in which pieces.

    Attributes:
      per_image, fixed: it has ``per_image * batch + fixed`` items.
      groups: of fixed items, as many groups, each ended by whoever finishes its last item; 0 for none.
      shared, own: float32 numbers of scratch memory that all threads share, and that each of them has.
      sums: multiplications and additions for each image of the batch, or what takes as long.
    """

    per_image: int
    fixed: int
    groups: int
    shared: int
    own: int
    sums: int
