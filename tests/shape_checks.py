"""Holds what functions take and give against the shapes that their annotations name.

A type checker for jaxtyping's import hook that looks at arrays alone, also inside of tuples, mappings and
named tuples. What else is annotated is mypy's affair.
"""

import builtins
import functools
import inspect
import types
import typing
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import AbstractArray, Bool, Float, Num, install_import_hook, jaxtyped

ROOMS = ["bnjax.nn", "bnjax.models", "bnjax.probes", "bnjax.train"]
#: How often an array was held against an annotation.
looks = 0


def install():
    """Modules of the rooms that are imported from now on are checked."""
    # Probes name these in annotations without importing them.
    for name, value in {"Bool": Bool, "Float": Float, "Num": Num, "np": np}.items():
        setattr(builtins, name, value)
    install_import_hook(ROOMS, f"{__name__}.checked")


def checked(function):
    # Fields of dataclasses: a tree's leaves may be anything, such as shapes, shardings and axes.
    if function.__name__ == "__init__" or function.__name__.strip("_")[0].isupper():
        return function
    signature = inspect.signature(function)

    @functools.wraps(function)
    def calling(*arguments, **named):
        for name, value in signature.bind(*arguments, **named).arguments.items():
            _look(value, signature.parameters[name].annotation)
        given = function(*arguments, **named)
        _look(given, signature.return_annotation)
        return given

    return calling


def _look(value, wanted):
    global looks
    if isinstance(wanted, str | typing.ForwardRef):
        wanted = eval(getattr(wanted, "__forward_arg__", wanted))
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if _is_shape(wanted):
        looks += 1
        assert isinstance(value, wanted), f"{value} is not {wanted}"
    elif type(value) is wanted and hasattr(value, "_fields") and wanted.__module__.startswith("bnjax."):
        for part, shape in zip(value, wanted.__annotations__.values(), strict=True):
            on_host = getattr(shape, "array_type", None) is jax.Array and isinstance(part, np.ndarray)
            _look(jnp.asarray(part) if on_host else part, shape)
    elif origin is tuple and ... not in inner:
        for one, shape in zip(value, inner, strict=True):
            _look(one, shape)
    elif isinstance(value, Mapping) and origin in (dict, Mapping):
        for one in value.values():
            with jaxtyped("context"):  # each site has sizes of its own
                _look(one, inner[-1])
    elif origin in (types.UnionType, typing.Union) and any(map(_is_shape, inner)):
        assert any(isinstance(value, one) for one in inner), f"{value} is none of {wanted}"


def _is_shape(wanted):
    return inspect.isclass(wanted) and issubclass(wanted, AbstractArray)
