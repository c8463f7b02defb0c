"""Reads one line of JSON and checks it against the schema: its fields, their types and their values."""

import dataclasses
import functools
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from bnjax.errors import UserError
from bnjax.probes import PROBES, Probe
from bnjax.record_rules import ValueRule, WrongError, rule_of, rule_of_probe, shown
from bnjax.schema import AS_IN_LAST_EPOCH, KINDS

#: Changes when a field changes its meaning or disappears, not when one is added.
SCHEMA_VERSION = 1


class RecordError(UserError, ValueError):
    """A line or an object that is not a record; the message names the file, the line and the field."""


class NotJSONError(RecordError):
    """A line that is no JSON, as one that is cut off."""


def rules() -> Mapping[str, ValueRule]:
    """Kind of record -> its rule, with a field for each probe that there is, those of plugins too."""
    return _rules(tuple(PROBES.values()))


@functools.lru_cache(maxsize=8)
def _rules(probes: tuple[Probe, ...]) -> Mapping[str, ValueRule]:
    return {kind: _with_probes(kind, rule_of(definition), probes) for kind, definition in KINDS.items()}


def _with_probes(kind: str, rule: ValueRule, probes: Sequence[Probe]) -> ValueRule:
    """With a field for each probe that the type does not name; a record has those that its run has."""
    if kind == "run":
        return rule
    fields = dict(rule.fields or {})
    for probe in probes:
        meaning = probe.told if kind == "epoch" else AS_IN_LAST_EPOCH
        fields.setdefault(probe.name, rule_of_probe(probe, meaning))
    return dataclasses.replace(rule, fields=fields)


def parsed(line: bytes) -> Any:
    """What a line of strict JSON says.

    Raises:
      NotJSONError: it is no JSON.
      RecordError: it has a number out of range, or a field twice.
    """
    try:
        return _JSON.decode(line.decode("utf-8-sig"))
    except RecordError:
        raise
    except UnicodeDecodeError as error:
        raise NotJSONError(f"no UTF-8 at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise NotJSONError(f"no JSON at column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        raise NotJSONError("no JSON that can be read: nested too deeply, or a number too long") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RecordError(f"field {shown(twice)} is there twice")
    return fields


def _finite_number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise RecordError(f"the number {text} is out of range")
    return number


def _refuse_constant(name: str) -> None:
    raise RecordError(f"{name} is not JSON")


_JSON = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_finite_number, object_pairs_hook=_object
)


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
    kind, known = record.get("kind"), rules()
    if not isinstance(kind, str) or kind not in known:
        raise RecordError(f"kind {shown(kind)} is not one of {', '.join(known)}")
    rule = known[kind]
    if rule.needed - record.keys():
        missing = next(name for name in rule.fields or () if name in rule.needed and name not in record)
        raise RecordError(f"{kind} record: field {missing!r} is missing")
    try:
        later = rule.check_inside(record)
    except WrongError as error:
        raise RecordError(f"{kind} record: {error.place} {error.what}") from None
    if record["schema"] != SCHEMA_VERSION:
        raise RecordError(f"{kind} record: schema {record['schema']} is not {SCHEMA_VERSION}")
    return [f"{kind}.{name}" for name in later]
