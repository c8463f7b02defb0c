"""What Python gives as keyword arguments, as the settings that flags give. Imports no JAX."""

import contextlib
import difflib
import numbers
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bnjax.commands.command import Command, command_of
from bnjax.commands.parsing.conditions import sweep_conditions
from bnjax.placement import Placement
from bnjax.plugins import PluginError, load_plugin
from bnjax.settings.config import FIELDS
from bnjax.settings.fields import ConfigError
from bnjax.settings.options import OPTION_FIELDS
from bnjax.studies import STUDIES, Conditions, crossed

#: Options of the command line that Python has, too.
_OPTIONS = ("lanes",)
#: Python's own loop adds seeds as it likes.
_OF_COMMANDS = ("until",)
_FIELDS = {
    **{field.name: field for field in FIELDS if field.name not in _OF_COMMANDS},
    **{field.name: field for field in OPTION_FIELDS if field.name in _OPTIONS},
}

#: Setting -> the values that it takes in turn, or the text of ``--vary``, or the name of a study's sweep.
Vary = Mapping[str, Sequence[Any]] | str


def command_from(study: str, vary: Vary, seeds: int, settings: Mapping[str, Any]) -> Command:
    """The runs that keyword arguments ask for.

    Raises:
      ConfigError: names the argument that is wrong and what would be accepted.
    """
    with told_as_arguments():
        if plugin := settings.get("plugin"):
            load_plugin(str(plugin))
    if study not in STUDIES:
        raise ConfigError(f"{study!r} is not a study: {', '.join(STUDIES)}{_close(study, STUDIES)}")
    given = {name: _value(name, value) for name, value in settings.items()}
    given["seeds"] = _converted("seeds", seeds, int)
    with told_as_arguments():
        return command_of(study, given, _conditions(study, vary))


def _conditions(study: str, vary: Vary) -> Conditions:
    if isinstance(vary, str):
        return sweep_conditions(study, "", vary) if "=" in vary else sweep_conditions(study, vary, "")
    grid: Conditions = {"": {}}
    for name, values in vary.items():
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise ConfigError(f"vary: {name}={values!r} is not a list of values")
        grid = crossed(grid, {f"{name}={value}": {name: _value(name, value)} for value in values})
    return grid


def _value(name: str, value: Any) -> Any:
    """A value of its setting's own type."""
    if name not in _FIELDS:
        close = _close(name, _FIELDS)
        raise ConfigError(f"{name!r} is not a setting of a run (bnjax STUDY --helpfull lists them){close}")
    return _converted(name, value, type(_FIELDS[name].default))


def _converted(name: str, value: Any, kind: type) -> Any:
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    if kind is float and isinstance(value, numbers.Real) and not isinstance(value, bool):
        return float(value)
    if kind is str and isinstance(value, str | os.PathLike | Placement | numbers.Integral):
        return str(value)
    what = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}[kind]
    many = isinstance(value, list | tuple) and name in _FIELDS
    several = f"; bnjax.sweep(study, {{{name!r}: {value!r}}}) compares several" if many else ""
    raise ConfigError(f"{name}={value!r} is not {what}{several}")


def _close(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


@contextlib.contextmanager
def told_as_arguments() -> Iterator[None]:
    """What is wrong with settings is told by their names in Python: ``dropout=2.0``, not ``--dropout=2.0``.

    Raises:
      ConfigError: as inside, in those words.
    """
    try:
        yield
    except (ConfigError, PluginError) as error:
        raise type(error)(in_python_words(str(error))) from None


def in_python_words(line: str) -> str:
    """``--dropout=2.0`` -> ``dropout=2.0``, and ``--overwrite`` -> ``overwrite``."""
    return re.sub(r"--(?=\w)(?!helpfull)", "", line)
