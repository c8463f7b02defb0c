"""What the types of :mod:`bnjax.schema` ask of a record, as rules that values are held against."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from bnjax.field_types import AtMost, Range
from bnjax.probes import Probe
from bnjax.schema import DataRecord, EpochRecord, Holds, Needs

Types = tuple[type, ...]
#: How much of a wrong value a message shows.
_SHOWN = 60
_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    NoneType: "null",
}


class WrongError(Exception):
    """A value that a rule refuses: where it stands below the record, and what is wrong with it."""

    def __init__(self, place: str, what: str) -> None:
        super().__init__(place, what)
        self.place, self.what = place, what

    def below(self, name: str) -> "WrongError":
        """The same, seen from the object that holds it under a name."""
        name = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
        return WrongError(f"{name}.{self.place}" if self.place else name, self.what)


def type_name(kind: type) -> str:
    """What JSON calls a value of a type, for people."""
    return _TYPE_NAMES[kind]


def shown(value: Any) -> str:
    """A value as messages show it: on one line, and short."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@dataclass(frozen=True, slots=True)
class ValueRule:
    """What a value may be.

    Attributes:
      types: of the value; a number may be a whole one.
      meaning: for people.
      low, high: of a number.
      at_most: of a number in an object, the name of the one that it cannot exceed.
      words: of a text; empty: any.
      fields: of an object, by name; others are held against ``each``.
      needed: names that an object has to have.
      each: of an object: the rule of all values that no field names; None: such a name comes from a later
        version.
      may_be_empty: an object may hold nothing at all.
      whole: of an object: raises where its fields do not fit together.
    """

    types: Types
    meaning: str = ""
    low: float = -math.inf
    high: float = math.inf
    at_most: str = ""
    words: tuple[str, ...] = ()
    fields: Mapping[str, "ValueRule"] | None = None
    needed: frozenset[str] = frozenset()
    each: "ValueRule | None" = None
    may_be_empty: bool = False
    whole: Callable[[Mapping[str, Any]], None] | None = None

    def check(self, value: Any) -> list[str]:
        """Holds a value against the rule.

        Returns:
          The names within it that the rule does not know.

        Raises:
          WrongError: it is of another type or out of range, or lacks something.
        """
        if type(value) not in self.types:
            kinds = [kind for kind in self.types if kind is not int or float not in self.types]
            raise WrongError("", f"is {shown(value)}, not {' or '.join(map(type_name, kinds))}")
        if value.__class__ in _NUMBERS and not self.low <= value <= self.high:
            less = f"not {self.low:g} or more" if value < self.low else "too large"
            expected = f"outside {self.low:g} to {self.high:g}" if self.high <= 1 else less
            raise WrongError("", f"is {shown(value)}, {expected}")
        if self.words and value is not None and value not in self.words:
            raise WrongError("", f"is {shown(value)}, not one of {', '.join(self.words)}")
        return self.check_inside(value) if self.fields is not None and value.__class__ is dict else []

    def check_inside(self, value: Mapping[str, Any]) -> list[str]:
        """The same for what an object holds."""
        if not value and self.may_be_empty:
            return []
        if lacking := self.needed - value.keys():
            raise WrongError("", f"lacks {', '.join(sorted(lacking))}")
        fields, each = self.fields or {}, self.each
        own: list[str] = []
        inside: list[str] = []
        for name, item in value.items():
            rule = fields.get(name, each)
            if rule is None:
                own.append(name)
                continue
            kind = item.__class__
            plain = kind in rule.types and kind is not dict and not rule.words
            if plain and (kind not in _NUMBERS or rule.low <= item <= rule.high):
                continue  # most values are plain and right: no call for each
            try:
                for inner in rule.check(item):
                    inside.append(f"{name}.{inner}" if name in fields else inner)
            except WrongError as error:
                raise error.below(name) from None
        if self.whole:
            self.whole(value)
        return own + inside


def rule_of(hint: Any) -> ValueRule:
    """The rule that a type of the schema stands for."""
    if get_origin(hint) is NotRequired:
        return rule_of(*get_args(hint))
    extra: Sequence[Any] = ()
    if get_origin(hint) is Annotated:
        hint, *extra = get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        bare, _ = get_args(hint)  # the other one is None
        rule = rule_of(bare)
        rule = dataclasses.replace(rule, types=(*rule.types, NoneType))
    else:
        rule = _bare_rule(hint)
    for each in extra:
        rule = dataclasses.replace(rule, **_said(rule, each))
    return rule


def _bare_rule(hint: Any) -> ValueRule:
    if is_typeddict(hint):
        return _object_rule(hint)
    if get_origin(hint) is Literal:
        return ValueRule((str,), words=get_args(hint))
    if get_origin(hint) is dict:
        _, value = get_args(hint)
        return ValueRule((dict,)) if value is Any else ValueRule((dict,), fields={}, each=rule_of(value))
    return ValueRule((int, float) if hint is float else (get_origin(hint) or hint,))


def _object_rule(definition: Any) -> ValueRule:
    fields = {name: rule_of(hint) for name, hint in get_type_hints(definition, include_extras=True).items()}
    most = {name: rule.at_most for name, rule in fields.items() if rule.at_most}
    whole = partial(_check_limits, most) if most else _WHOLE.get(definition)
    return ValueRule((dict,), fields=fields, needed=definition.__required_keys__, whole=whole)


def _said(rule: ValueRule, extra: Any) -> dict[str, Any]:
    """What something beside a type changes of its rule."""
    if isinstance(extra, str):
        return {"meaning": extra}
    if isinstance(extra, Range):
        return {"low": extra.low, "high": extra.high}
    if isinstance(extra, AtMost):
        return {"at_most": extra.name}
    if isinstance(extra, Needs):
        return {"needed": frozenset(extra.names)}
    if extra is Holds.OTHERS_TOO:
        return {"each": _ANYTHING}
    return {"may_be_empty": True, "needed": rule.needed if extra is Holds.ALL_OR_NOTHING else frozenset()}


def _check_limits(most: Mapping[str, str], value: Mapping[str, Any]) -> None:
    for name, limit in most.items():
        if value[name] is not None and value[name] > value[limit]:
            raise WrongError(name, f"is {value[name]} of {value[limit]} {limit}")


def _check_shape(data: Mapping[str, Any]) -> None:
    shape = data.get("image_shape")
    if shape is not None and (list(map(type, shape)) != [int] * _IMAGE_AXES or min(shape) < 1):
        raise WrongError("image_shape", f"is {shown(shape)}, not height, width and channels")


def _check_measured(epoch: Mapping[str, Any]) -> None:
    for name in _MEASURED if epoch["status"] == "ok" else ():
        if epoch[name] is None:
            raise WrongError(name, "is null and status ok")


_ANYTHING = ValueRule(tuple(_TYPE_NAMES))
_NUMBERS = (int, float)
_IMAGE_AXES = 3
#: What an epoch whose status is ok has measured.
_MEASURED = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
#: What no field says by itself.
_WHOLE: dict[Any, Callable[[Mapping[str, Any]], None]] = {
    DataRecord: _check_shape,
    EpochRecord: _check_measured,
}


def rule_of_probe(probe: Probe, meaning: str = "") -> ValueRule:
    """The rule of a probe's field.

    Raises:
      TypeError: it would record what no record holds; names the type.
    """
    found: Any = probe.found
    for rule in (rule_of(found).fields or {}).values():
        if odd := [kind.__name__ for kind in rule.types if kind not in _TYPE_NAMES]:
            raise TypeError(odd[0])
    hint = dict[str, found] if probe.by_site else Annotated[found, Holds.ALL_OR_NOTHING]
    return rule_of(Annotated[hint, meaning])
