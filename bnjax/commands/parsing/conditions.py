"""The conditions of a sweep, from where a user gives them: by name, as a grid of flags, or in a file."""

import dataclasses
import difflib
import itertools
import json
import sys
from pathlib import Path
from typing import Any

from bnjax.settings.config import FIELDS
from bnjax.settings.fields import ConfigError, parse_number
from bnjax.settings.places import expanded
from bnjax.studies import STUDIES, Conditions, crossed

FILE_SUFFIX = ".json"
_BOOLEANS = {"true": True, "false": False}


def sweep_conditions(experiment: str, sweep: str, vary: str) -> Conditions:
    """The conditions that ``--sweep`` and ``--vary`` ask for, crossed where both are given.

    Returns:
      Name -> the settings that make it; one condition without settings where neither is given.

    Raises:
      ConfigError: names what is wrong and what would be accepted.
    """
    named: Conditions = {"": {}}
    if sweep.endswith(FILE_SUFFIX):
        named = _from_file(expanded(sweep))
    elif sweep:
        if sweep not in STUDIES[experiment].sweeps:
            known = ", ".join(STUDIES[experiment].sweeps)
            close = difflib.get_close_matches(sweep, STUDIES[experiment].sweeps, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(
                f"--sweep={sweep} is not one of {known}, nor a file that ends in {FILE_SUFFIX}{hint}"
            )
        named = STUDIES[experiment].sweeps[sweep]
    grid = _grid(vary)
    for settings in named.values():
        for name in settings.keys() & next(iter(grid.values())).keys():
            raise ConfigError(f"--vary={vary}: --sweep={sweep} gives {name} itself")
    return crossed(named, grid)


def _grid(text: str) -> Conditions:
    """``placement=none|all; dropout=0|0.4`` -> its four conditions."""
    axes: dict[str, list[Any]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, values = (word.strip() for word in part.partition("="))
        where = f"--vary={text}"
        if not equals:
            raise ConfigError(f"{where}: {part!r} is not of the form setting=value|value")
        if name in axes:
            raise ConfigError(f"{where}: {name} is given twice")
        field = _field(name, where)
        axes[name] = [_parsed(field, value.strip(), where) for value in values.split("|")]
    combined = (dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values()))
    return {
        ", ".join(f"{name}={value}" for name, value in settings.items()): settings for settings in combined
    }


def _field(name: Any, where: str) -> dataclasses.Field:
    fields = {field.name: field for field in FIELDS if field.metadata["identity"] and field.name != "seed"}
    if name not in fields:
        close = difflib.get_close_matches(str(name), fields, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"{where}: {name!r} is not a setting that can vary: {', '.join(fields)}{hint}")
    return fields[name]


def _parsed(field: dataclasses.Field, text: str, where: str) -> Any:
    kind: Any = type(field.default)
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ConfigError(f"{where}: {field.name}={text} is not {_article(kind)}")
        return _BOOLEANS[text.lower()]
    try:
        return text if kind is str else parse_number(text, kind)
    except ValueError as error:
        raise ConfigError(f"{where}: {field.name}={error}") from None


def _article(kind: type) -> str:
    return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[kind]


def _from_file(path: Path) -> Conditions:
    """A JSON list of objects with settings, or an object of such objects by their names."""
    where = f"--sweep={path}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{where}: {error.strerror}") from None
    except ValueError as error:  # of JSON, or of the encoding
        raise ConfigError(f"{where} is not JSON ({error})") from None
    if isinstance(content, list):
        content = {str(number): settings for number, settings in enumerate(content, start=1)}
    if not isinstance(content, dict) or not content:
        raise ConfigError(f"{where}: neither a list of conditions nor an object of them")
    return {name: _checked(settings, f"{where}, condition {name}") for name, settings in content.items()}


def _checked(settings: Any, where: str) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise ConfigError(f"{where}: {settings!r} is not an object of settings")
    return {name: _of_kind(_field(name, where), value, where) for name, value in settings.items()}


def _of_kind(field: dataclasses.Field, value: Any, where: str) -> Any:
    kind = type(field.default)
    if kind is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if type(value) is not kind:
        raise ConfigError(f"{where}: {field.name} is {value!r}, not {_article(kind)}")
    return value
