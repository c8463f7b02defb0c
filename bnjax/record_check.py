"""Reads one line of JSON and checks it against the schema: its fields, their types and their values."""

import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bnjax.errors import UserError
from bnjax.schema import ADDED_LATER, COUNTED, MEASURED, PARTS, RANGES, SCHEMA, WORDS, Part, Types

#: Changes when a field changes its meaning or disappears, not when one is added.
SCHEMA_VERSION = 1
#: How much of a wrong value a message shows.
_SHOWN = 60
_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    type(None): "null",
}
_IMAGE_AXES = 3


class RecordError(UserError, ValueError):
    """A line or an object that is not a record; the message names the file, the line and the field."""


class NotJSONError(RecordError):
    """A line that is no JSON, as one that is cut off."""


def parsed(line: bytes) -> Any:
    """What a line of strict JSON says.

    Raises:
      NotJSONError: it is no JSON.
      RecordError: it has a number out of range, or a field twice.
    """
    try:
        return json.loads(
            line.decode("utf-8-sig"),
            parse_constant=_refuse_constant,
            parse_float=_finite_number,
            object_pairs_hook=_object,
        )
    except RecordError:
        raise
    except UnicodeDecodeError as error:
        raise NotJSONError(f"no UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise NotJSONError(f"no JSON at column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        raise NotJSONError("no JSON that can be read: nested too deeply, or a number too long") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordError(f"field {shown(twice)} is there twice")
    return found


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise RecordError(f"the number {text} is out of range")
    return number


def _refuse_constant(name: str) -> None:
    raise RecordError(f"{name} is not JSON")


def type_name(kind: type) -> str:
    """What JSON calls a value of a type, for people."""
    return _TYPE_NAMES[kind]


def printable(text: str) -> str:
    """A text that any terminal, page and figure takes: on one line, without halves of characters.

    A file's name may hold bytes that are no UTF-8, which Python reads as surrogates, or line ends.
    """
    if text.isprintable():
        return text
    odd = ("Cc", "Cs", "Zl", "Zp")
    return "".join(ascii(c)[1:-1] if unicodedata.category(c) in odd else c for c in text)


def check(record: Any) -> list[str]:
    """Checks one record against the schema.

    Returns:
      The fields that the schema does not know, such as ``epoch.colour`` or ``epoch.dying.colour``.

    Raises:
      RecordError: names the first field that is missing, of another type or out of range.
    """
    if not isinstance(record, Mapping):
        raise RecordError("not an object")
    kind = record.get("kind")
    if not isinstance(kind, str) or kind not in _RULES:
        raise RecordError(f"kind {shown(kind)} is not one of {', '.join(SCHEMA)}")
    rules = _RULES[kind]
    for name, rule in rules.items():
        if name in record:
            rule.check(f"{kind} record: ", record[name])
        elif name not in ADDED_LATER:
            raise RecordError(f"{kind} record: field {name!r} is missing")
    if record["schema"] != SCHEMA_VERSION:
        raise RecordError(f"{kind} record: schema {record['schema']} is not {SCHEMA_VERSION}")
    later = [f"{kind}.{name}" for name in record if name not in rules]
    for name in (name for name in rules if name in PARTS and name in record):
        later += [f"{kind}.{name}.{inner}" for inner in _check_part(kind, name, record[name])]
    _check_whole(kind, record)
    return later


def _check_whole(kind: str, record: Mapping[str, Any]) -> None:
    """What no field says by itself."""
    shape = record["data"].get("image_shape") if kind == "run" else None
    if shape is not None and (list(map(type, shape)) != [int] * _IMAGE_AXES or min(shape) < 1):
        raise RecordError(f"run record: data.image_shape is {shown(shape)}, not height, width and channels")
    if kind == "epoch" and record["status"] == "ok":
        for name in MEASURED:
            if record[name] is None:
                raise RecordError(f"epoch record: {name} is null and status ok")


def shown(value: Any) -> str:
    """A value as messages show it: on one line, and short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@dataclass(frozen=True)
class _Rule:
    """What a field may be."""

    name: str
    types: Types
    low: float = -math.inf
    high: float = math.inf
    words: tuple[str, ...] = ()

    def check(self, place: str, value: Any) -> None:
        if type(value) not in self.types:
            kinds = [kind for kind in self.types if kind is not int or float not in self.types]
            expected = " or ".join(map(type_name, kinds))
            raise RecordError(f"{place}{self.name} is {shown(value)}, not {expected}")
        if value.__class__ in _NUMBERS and not self.low <= value <= self.high:
            less = f"not {self.low:g} or more" if value < self.low else "too large"
            expected = f"outside {self.low:g} to {self.high:g}" if self.high <= 1 else less
            raise RecordError(f"{place}{self.name} is {shown(value)}, {expected}")
        if self.words and value not in self.words:
            raise RecordError(f"{place}{self.name} is {shown(value)}, not one of {', '.join(self.words)}")


_NUMBERS = (int, float)


def _rule(kind: str, name: str, types: Types) -> _Rule:
    return _Rule(name, types, *RANGES.get(name, (-math.inf, math.inf)), WORDS.get((kind, name), ()))


_RULES = {
    kind: {name: _rule(kind, name, types) for name, (types, _) in fields.items()}
    for kind, fields in SCHEMA.items()
}
_PART_RULES = {
    field: {name: _rule(field, name, types) for name, types in {**part.needed, **part.known}.items()}
    for field, part in PARTS.items()
}


def _check_part(kind: str, field: str, value: Mapping[str, Any]) -> list[str]:
    """Checks an object within a record; returns the names in it that the schema does not know."""
    part, place = PARTS[field], f"{kind} record: {field}."
    if not part.of_each_site:
        return _check_object(place, field, value, part) if value or not part.may_be_empty else []
    later = []
    for site, item in value.items():
        if type(item) is not dict:
            raise RecordError(f"{place}{shown(site)} is {shown(item)}, not an object")
        later += _check_object(f"{place}{site}.", field, item, part)
        for name in COUNTED:
            if item[name] is not None and item[name] > item["units"]:
                raise RecordError(f"{place}{site}.{name} is {item[name]} of {item['units']} units")
    return later


def _check_object(place: str, field: str, value: Mapping[str, Any], part: Part) -> list[str]:
    rules = _PART_RULES[field]
    if lacking := part.needed.keys() - value.keys():
        raise RecordError(f"{place[:-1]} lacks {', '.join(sorted(lacking))}")
    others = []
    for name, item in value.items():
        rule = rules.get(name)
        if rule:
            rule.check(place, item)
        elif part.others is None:
            others.append(name)
        else:
            _Rule(name, part.others, words=part.words).check(place, item)
    return others
