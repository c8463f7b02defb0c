"""The layers in Keras's two kinds of HDF5 files of weights.

Only what was asked for is read, and only as plain numbers that lie in the file itself: nothing in it is
executed, followed to another file or unpickled.
"""

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from os import PathLike
from typing import NamedTuple, TypeVar

import h5py
import numpy as np

from bnjax.settings.fields import WeightsError

#: A part is unpacked as a whole, however few of its numbers belong to the array.
_LARGEST_CHUNK = 2**24
_Entry = TypeVar("_Entry", h5py.Group, h5py.Dataset)


class StoredLayer(NamedTuple):
    """A layer with weights: its name in the file, and they in Keras's order, not read yet."""

    name: str
    datasets: list[h5py.Dataset]


@contextlib.contextmanager
def reading(path: str | PathLike[str]) -> Iterator[h5py.File]:
    """A file, opened; what HDF5 raises of a damaged one becomes one line.

    Raises:
      WeightsError: it is damaged.
      OSError: there is no such file, or it must not be read.
    """
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (WeightsError, FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except Exception as error:
        # HDF5's errors are of many kinds: OSError, RuntimeError, KeyError, ValueError, MemoryError.
        raise WeightsError(f"{path} cannot be read ({' '.join(str(error).split())})") from error


def stored_layers(file: h5py.File, kinds: Sequence[str]) -> list[StoredLayer]:
    """The layers of a file that have weights, in the order of the network.

    Files of Keras 1 and 2 (``.h5``) list their layers in that order. Those of Keras 3 (``.weights.h5``)
    number them for each kind, so that the order of kinds must be known.

    Args:
      file: opened for reading; a whole model in the older format will do.
      kinds: of the layers that are expected, as in the names of Keras 3: ``conv2d``, ``dense``.

    Raises:
      WeightsError: the file is of neither format, or refers to other files.
    """
    if "layers" in file:
        return _in_turn(_numbered_layers(_group(file, "layers")), kinds)
    root = _group(file, "model_weights") if "model_weights" in file else file
    listed = [StoredLayer(name, _listed_datasets(_group(root, name))) for name in _texts(root, "layer_names")]
    if not listed:
        raise WeightsError(f"{file.filename}: holds neither 'layer_names' nor 'layers' as Keras's files do")
    return [layer for layer in listed if layer.datasets]


def read_numbers(dataset: h5py.Dataset, shape: tuple[int, ...]) -> np.ndarray:
    """The numbers of a dataset, which is looked at before it is read.

    Raises:
      WeightsError: it has another shape, is not of floating point numbers, or lies in another file.
    """
    if dataset.shape != shape:
        raise WeightsError(f"{dataset.name} has shape {dataset.shape} instead of {shape}")
    if dataset.dtype.kind != "f":
        raise WeightsError(f"{dataset.name} holds {dataset.dtype} instead of floating point numbers")
    if dataset.external or dataset.is_virtual:
        raise WeightsError(f"{dataset.name} lies in another file")
    if dataset.chunks and math.prod(dataset.chunks) > _LARGEST_CHUNK:
        raise WeightsError(
            f"{dataset.name} is stored in parts of {dataset.chunks} numbers, which is too large"
        )
    return np.asarray(dataset[()])


def _in_turn(by_kind: dict[str, list[StoredLayer]], kinds: Sequence[str]) -> list[StoredLayer]:
    """One of each kind that is expected while there are any, then the others."""
    turns = {kind: iter(layers) for kind, layers in by_kind.items()}
    expected = (next(turns.get(kind, iter(())), None) for kind in kinds)
    found = [layer for layer in expected if layer]
    return found + [layer for layers in turns.values() for layer in layers]


def _numbered_layers(group: h5py.Group) -> dict[str, list[StoredLayer]]:
    """Kind -> its layers with weights, by their numbers: ``conv2d``, ``conv2d_1``, ..."""
    numbered: dict[str, list[tuple[int, StoredLayer]]] = defaultdict(list)
    for name in group:
        kind, _, number = name.rpartition("_")
        if not number.isdecimal():
            kind, number = name, "0"
        layer = _group(group, name)
        count = len(_group(layer, "vars")) if "vars" in layer else 0
        datasets = [_dataset(layer, f"vars/{index}") for index in range(count)]
        if datasets:
            numbered[kind].append((int(number), StoredLayer(name, datasets)))
    return {kind: [layer for _, layer in sorted(found)] for kind, found in numbered.items()}


def _listed_datasets(group: h5py.Group) -> list[h5py.Dataset]:
    return [_dataset(group, name) for name in _texts(group, "weight_names")]


def _texts(group: h5py.Group, name: str) -> list[str]:
    """An attribute of texts; Keras cuts long ones into ``name0``, ``name1``, ..."""
    found = [group.attrs[name]] if name in group.attrs else list(_parts(group, name))
    return [text.decode() if isinstance(text, bytes) else str(text) for part in found for text in part]


def _parts(group: h5py.Group, name: str) -> Iterator[np.ndarray]:
    number = 0
    while f"{name}{number}" in group.attrs:
        yield group.attrs[f"{name}{number}"]
        number += 1


def _group(parent: h5py.Group, path: str) -> h5py.Group:
    return _entry(parent, path, h5py.Group)


def _dataset(parent: h5py.Group, path: str) -> h5py.Dataset:
    return _entry(parent, path, h5py.Dataset)


def _entry(parent: h5py.Group, path: str, kind: type[_Entry]) -> _Entry:
    """What lies in the file itself: links to other files or places are not followed."""
    found = parent
    for name in path.split("/"):
        link = found.get(name, getlink=True) if isinstance(found, h5py.Group) else None
        found = found[name] if isinstance(link, h5py.HardLink) else None
    if not isinstance(found, kind):
        raise WeightsError(f"{parent.file.filename}: no {kind.__name__.lower()} {path!r} in {parent.name!r}")
    return found
