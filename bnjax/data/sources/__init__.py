"""Where images come from: one file for each kind of source, and this registry of sets that have a name.

A new set is a file here with a :class:`Source` and its name in the tuple below. Folders of images and what
TFDS has prepared have no names that could be listed; :mod:`bnjax.data.load` asks for them.
"""

from bnjax.data.sources.digits import DIGITS
from bnjax.data.sources.source import Source

#: By name, as ``--dataset`` has it.
SOURCES: dict[str, Source] = {source.name: source for source in (DIGITS,)}

__all__ = ["SOURCES", "Source"]
