"""Checks of what modules and layers are given: what does not fit gets one line, before it is used."""

import dataclasses
import numbers
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Shaped

from bnjax.settings.config import FIELDS
from bnjax.settings.fields import complaint

_SETTINGS = {field.name: field for field in FIELDS}
_TYPES: dict[type, tuple[type, str]] = {
    bool: (bool, "True or False"),
    int: (numbers.Integral, "a whole number"),
    float: (numbers.Real, "a number"),
    str: (str, "a text"),
}


def check_setting(place: str, name: str, value: Any, setting: str = "") -> None:
    """Holds an argument against the choices and bounds of the flag that sets it.

    Arrays pass: they are values of a program, such as the rates of lanes.

    Args:
      place: whose argument it is.
      setting: the flag's name, where it is another one.

    Raises:
      ValueError: names the place, the argument and what would be accepted.
    """
    if isinstance(value, jax.Array | np.ndarray):
        return
    field = _SETTINGS[setting or name]
    kind, wanted = _TYPES[type(field.default)]
    if not isinstance(value, kind):
        raise ValueError(f"{place}: {name}={value!r} is not {wanted}")
    if wrong := complaint(field, value):
        raise ValueError(f"{place}: {name}={value} {wrong}")


def check_settings(place: str, settings: Any) -> None:
    """Holds the fields of a dataclass that flags set, by the same names, against what those accept.

    Raises:
      ValueError: names the place, the argument and what would be accepted.
    """
    for field in dataclasses.fields(settings):
        if field.name in _SETTINGS:
            check_setting(place, field.name, getattr(settings, field.name))


def check_count(place: str, name: str, value: Any, least: int = 1) -> None:
    """Holds a whole number against the least that is accepted.

    Raises:
      ValueError: names the place, the argument and what would be accepted.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise ValueError(f"{place}: {name}={value!r} is not a whole number from {least} up")


def check_choice(place: str, name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Holds a name against those that are known.

    Raises:
      ValueError: names the place, the argument and what would be accepted.
    """
    if value not in choices:
        raise ValueError(f"{place}: {name}={value!r} is not one of {', '.join(choices)}")


def check_batch(place: str, x: Shaped[Array, "..."]) -> None:
    """Refuses whole numbers, to which parameters would be cut, and a single example without its batch.

    Raises:
      ValueError: names the dtype or shape and what would be accepted.
    """
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"{place}: an input of {x.dtype}, not of floating point numbers such as float32")
    if x.ndim < 2:
        raise ValueError(f"{place}: an input of shape {x.shape}, not [batch, ..., features]")


def check_images(place: str, x: Shaped[Array, "..."], smallest_side: int = 1) -> None:
    """Holds the shape of images or feature maps against what a layer can take.

    Raises:
      ValueError: names the shape and what would be accepted.
    """
    wanted = "images are [batch, height, width, channels]"
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"{place}: an input of shape {x.shape}; {wanted}, none of them 0")
    if min(x.shape[1:3]) < smallest_side:
        raise ValueError(
            f"{place}: images of shape {x.shape} have a side below {smallest_side} pixels; {wanted}"
        )
