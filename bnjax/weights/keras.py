"""Weights that Keras has written -> the variables of InceptionV3 and MobileNetV2."""

from collections.abc import Iterator
from os import PathLike
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from bnjax.architectures.inceptionv3_layers import inceptionv3_depths
from bnjax.models import InceptionV3, MobileNetV2, Network
from bnjax.models.network import unit_name
from bnjax.settings.fields import WeightsError
from bnjax.weights.hdf5 import StoredLayer, read_numbers, reading, stored_layers

_Path = tuple[str, ...]
#: What Keras calls the layers of a unit.
_KINDS = {"conv": "conv2d", "depthwise": "depthwise_conv2d"}
#: What it calls their weights, where a file tells: those of Keras 3 (``.weights.h5``) number them.
_NORM_NAMES = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
_NAMES = {"kernel": "kernel", "bias": "bias"}
_KNOWN_NAMES = {*_NORM_NAMES.values(), *_NAMES.values()}


class _Layer(NamedTuple):
    """A layer of Keras's: its kind, and where its weights belong, in Keras's order."""

    kind: str
    leaves: list[_Path]


def read_keras_weights(
    path: str | PathLike[str], model: Network, variables: dict[str, Any], *, include_top: bool = True
) -> dict[str, Any]:
    """Weights from a file that Keras has written for the same network.

    Both of Keras's formats are read: ``.h5`` as the published ImageNet weights have it, and ``.weights.h5``
    of Keras 3. Layers are met by their order, since their names depend on what else a process has made.

    Args:
      path: of the file.
      model: an ``InceptionV3`` or ``MobileNetV2`` with norms at all sites.
      variables: of the model, as from ``model.init``; their shapes are those that the file must have.
      include_top: whether the logits are read too, if the model has them; else they stay as they are, as
        for another number of classes.

    Returns:
      The variables with ``params`` and ``batch_stats`` from the file, in their own dtypes.

    Raises:
      WeightsError: the file or the model does not fit; one line that names what does not.
      OSError: there is no such file, or it must not be read.
    """
    leaves = flatten_dict(variables)
    expected = _layers(model, variables, include_top)
    with reading(path) as file:
        stored = stored_layers(file, [layer.kind for layer in expected])
        _check_number(stored, expected)
        for layer, arrays in zip(expected, stored, strict=False):
            leaves.update(_read(layer, arrays, leaves))
    if not model.norm_scale:
        _check_biases(
            [np.asarray(leaves[path]) for layer in expected for path in layer.leaves if _is_bias(path)]
        )
    return unflatten_dict(leaves)


def _is_bias(path: _Path) -> bool:
    return path[-2:] == ("norm", "bias")


def _check_biases(biases: list[np.ndarray]) -> None:
    """Refuses scales in the place of biases, which have the same shape and, in ``.weights.h5``, no name.

    Raises:
      WeightsError: all numbers are above 0, which biases of a whole network never are.
    """
    if all((bias > 0).all() for bias in biases):
        raise WeightsError(
            "all biases of norms are above 0, as scales are: the file seems to be of norms with scales and "
            "without biases (center=False in Keras), and this network's have biases and no scales"
        )


def _layers(model: Network, variables: dict[str, Any], include_top: bool) -> list[_Layer]:
    """Those with weights, in the order in which Keras lists and stores them."""
    if not isinstance(model, InceptionV3 | MobileNetV2):
        raise WeightsError(f"Keras has no network like {type(model).__name__}")
    others = set(model.parsed_placement.present_norms) - {"batch"}
    if others:
        raise WeightsError(
            f"Keras's network has batch norms, and this one {' and '.join(sorted(others))} norms"
        )
    depths = inceptionv3_depths() if isinstance(model, InceptionV3) else {}
    found: list[tuple[int, _Layer]] = []
    for index, site in enumerate(model.sites):
        # MobileNetV2 is a chain: a shortcut has no layers of its own that hold weights.
        depth = depths.get(site.name, -3 * index)
        unit = unit_name(site.name)
        if set(variables["params"][unit]) != {"kernel", "norm"}:
            raise WeightsError(f"{site.name} has no norm, or more than a kernel and a norm as Keras's has")
        found.append((depth, _Layer(_KINDS[site.kind], [("params", unit, "kernel")])))
        found.append((depth - 1, _Layer("batch_normalization", list(_norm_leaves(model, unit)))))
    layers = [layer for _, layer in sorted(found, key=lambda pair: -pair[0])]  # sorting keeps ties in turn
    if include_top and "logits" in variables["params"]:
        layers.append(_Layer("dense", [("params", "logits", "kernel"), ("params", "logits", "bias")]))
    return layers


def _norm_leaves(model: Network, unit: str) -> Iterator[_Path]:
    for name in ("scale", "bias") if model.norm_scale else ("bias",):
        yield ("params", unit, "norm", name)
    for name in ("mean", "var"):
        yield ("batch_stats", unit, "norm", name)


def _check_number(stored: list[StoredLayer], expected: list[_Layer]) -> None:
    # Without the top, the file may have one.
    allowed = (len(expected), len(expected) + (expected[-1].kind != "dense"))
    if len(stored) not in allowed:
        top = "; include_top=False leaves the logits out" if expected[-1].kind == "dense" else ""
        raise WeightsError(
            f"the file holds {len(stored)} layers with weights instead of {len(expected)}{top}"
        )


def _check_name(path: _Path, name: str) -> None:
    """Holds the name of an array in the file against the one that Keras gives to what belongs there.

    Raises:
      WeightsError: it is of another of Keras's arrays.
    """
    wanted = (_NORM_NAMES if "norm" in path else _NAMES)[path[-1]]
    last = name.rpartition("/")[2].partition(":")[0]  # gamma:0 in files of Keras 2
    named = {known for known in _KNOWN_NAMES if last == known or last.endswith(f"_{known}")}
    if named and wanted not in named:
        raise WeightsError(f"{'/'.join(path)}: the file has {name} there, and not Keras's {wanted}")


def _read(layer: _Layer, stored: StoredLayer, leaves: dict[_Path, Any]) -> Iterator[tuple[_Path, Any]]:
    site = layer.leaves[0][1]
    if len(stored.datasets) != len(layer.leaves):
        raise WeightsError(
            f"{stored.name} holds {len(stored.datasets)} arrays where {site} has {len(layer.leaves)}"
        )
    for path, dataset in zip(layer.leaves, stored.datasets, strict=True):
        _check_name(path, dataset.name)
        leaf = leaves[path]
        shape = leaf.shape
        if layer.kind == "depthwise_conv2d":  # [rows, columns, channels, 1] in Keras
            shape = (*shape[:2], shape[3], shape[2])
        try:
            numbers = read_numbers(dataset, shape)
        except WeightsError as error:
            raise WeightsError(f"{'/'.join(path)}: {error}") from None
        yield path, jnp.asarray(np.reshape(numbers, leaf.shape), leaf.dtype)
