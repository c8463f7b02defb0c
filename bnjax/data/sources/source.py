"""A set of images that has a name of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from bnjax.data.image_set import Dataset
from bnjax.settings.config import Config


@dataclass(frozen=True)
class Source:
    """A set of images by its name.

    Attributes:
      name: as ``--dataset`` has it.
      about: what it holds, in a few words.
      load: makes the set, from all settings and the height, width and channels that the network asks for; a
        set may have another size. Its facts name at least ``name``, ``version`` and ``encoding``. Raises
        ``DataError``, whose one line says what to do, where it cannot be had.
    """

    name: str
    about: str
    load: Callable[[Config, tuple[int, int, int]], Dataset]
