"""What a setting knows of itself: its help, choices, bounds and role, and whether it can change a result."""

import dataclasses
import difflib
import enum
import math
import re
import struct
from collections.abc import Collection
from typing import Any

from bnjax.errors import UserError

#: Of float32; smaller ones are flushed to 0 by most devices.
_SMALLEST_NORMAL = 2.0**-126


class ConfigError(UserError, ValueError):
    """A setting that cannot be used; the message is one line for the user."""


class WeightsError(UserError, ValueError):
    """Weights that do not fit or cannot be had; the message is one line that names what does not."""


class Role(enum.Flag):
    """Who reads a setting, and thus which runs have to have it in common.

    Every setting has one of the first six, or both of DATA and PROGRAM. The others say more about it.
    """

    #: Compiled into the program: runs that share one have it in common.
    PROGRAM = enum.auto()
    #: A value of a gated program; compiled into the program of one condition.
    TRACED = enum.auto()
    #: Decides which images there are: runs that share them in memory have it in common.
    DATA = enum.auto()
    #: Read by the loop around the program: runs that train side by side have it in common.
    LOOP = enum.auto()
    #: Of one run alone, also beside others in one program.
    OWN = enum.auto()
    #: Where files lie and how this machine works; it changes no result.
    HOST = enum.auto()
    #: Runs of one condition may differ in it.
    REPEAT = enum.auto()
    #: Of a run that starts from another one's weights: that other one goes without it.
    TARGET = enum.auto()
    #: A path of this machine, which says nothing elsewhere.
    PLACE = enum.auto()


#: One of them at least says who reads a setting.
READ_BY = Role.PROGRAM | Role.TRACED | Role.DATA | Role.LOOP | Role.OWN | Role.HOST


def setting(
    default: Any,
    help: str,
    *,
    group: str,
    role: Role,
    choices: Collection[str] | Collection[int] | None = None,
    bounds: str | None = None,
    identity: bool = True,
) -> Any:
    """A field with what flags, checks, programs, reports and ``run_id`` need to know about it.

    Args:
      default: also decides the type.
      help: of its flag.
      group: under which the help shows it.
      role: who reads it, see :class:`Role`.
      choices: what it may be; None: anything.
      bounds: an interval such as ``[0,1)`` or ``(0,inf)``.
      identity: False keeps a field that cannot change a result out of ``run_id``.

    Raises:
      ValueError: the role does not say who reads it.
    """
    if not role & READ_BY:
        raise ValueError(f"{role} does not say who reads a setting: {READ_BY}")
    metadata = dict(help=help, group=group, role=role, choices=choices, bounds=bounds, identity=identity)
    return dataclasses.field(default=default, metadata=metadata)


def check_field(field: dataclasses.Field, value: Any) -> None:
    """Holds a value against its field's choices and bounds.

    Raises:
      ConfigError: names the flag, the value and what would be accepted.
    """
    if wrong := complaint(field, value):
        raise ConfigError(f"--{field.name}={value} {wrong}")
    if isinstance(field.default, str) and field.default and not value:
        raise ConfigError(f"--{field.name} is empty")


def complaint(field: dataclasses.Field, value: Any) -> str:
    """What is wrong with a value by its field's choices and bounds; empty if nothing is."""
    choices, bounds = field.metadata["choices"], field.metadata["bounds"]
    if choices and value not in choices:
        known = list(map(str, choices))
        close = difflib.get_close_matches(str(value), known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"is not one of {', '.join(known)}{hint}"
    if bounds and not _within(value, bounds):
        return f"is outside {bounds}"
    if bounds and isinstance(field.default, float):
        computed = in_float32(value)
        if not _within(computed, bounds) or (value and not computed):
            return f"is outside {bounds}: it becomes {computed:g} in float32"
    return ""


def _within(value: float, bounds: str) -> bool:
    low, high = (float(end) for end in bounds[1:-1].split(","))
    above = value >= low if bounds[0] == "[" else value > low
    below = value <= high if bounds[-1] == "]" else value < high
    return above and below and math.isfinite(value)


def in_float32(value: float) -> float:
    """What a number is computed with: the nearest one in float32, 0 where that is subnormal."""
    try:
        [nearest] = struct.unpack("f", struct.pack("f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return nearest if abs(nearest) >= _SMALLEST_NORMAL else 0.0


def parse_number(text: str, kind: type) -> Any:
    """A number as it is written in a flag or a grid.

    Args:
      kind: ``int`` or ``float``.

    Raises:
      ValueError: it is none; says what one looks like.
    """
    try:
        return kind(text)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"{text[:40]!r} is not {what}; write {_likely(text, kind)}") from None


def _likely(text: str, kind: type) -> str:
    """What was meant by a number written in another way, else an example."""
    value = re.fullmatch(r"\s*([0-9]+(?:[.,][0-9]+)?(?:e[0-9]{1,2})?)\s*(%?)\s*", text)
    if kind is float:
        meant = float(value[1].replace(",", ".")) / (100 if value[2] else 1) if value else 0.4
        return f"{meant:g}" if value else f"one such as {meant}"
    meant = float(value[1].replace(",", "")) if value and not value[2] else 0.5
    return str(int(meant)) if meant.is_integer() else "one such as 10"
