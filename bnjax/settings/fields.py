"""What a setting knows of itself: its help, choices and bounds, and whether it can change a result."""

import dataclasses
import math
from typing import Any


class ConfigError(ValueError):
    """A setting that cannot be used; the message is one line for the user."""


class WeightsError(ValueError):
    """Weights that do not fit or cannot be had; the message is one line that names what does not."""


def setting(
    default: Any,
    help: str,
    *,
    group: str,
    choices: tuple[str, ...] | None = None,
    bounds: str | None = None,
    identity: bool = True,
) -> Any:
    """A field with what flags, checks and ``run_id`` need to know about it.

    ``bounds`` is an interval such as ``[0,1)`` or ``(0,inf)``; ``identity=False`` keeps a field that
    cannot change a result (where files lie) out of ``run_id``.
    """
    metadata = dict(help=help, group=group, choices=choices, bounds=bounds, identity=identity)
    return dataclasses.field(default=default, metadata=metadata)


def check_field(field: dataclasses.Field, value: Any) -> None:
    """Holds a value against its field's choices and bounds.

    Raises:
      ConfigError: names the flag, the value and what would be accepted.
    """
    if found := complaint(field, value):
        raise ConfigError(f"--{field.name}={value} {found}")
    if isinstance(field.default, str) and field.default and not value:
        raise ConfigError(f"--{field.name} is empty")


def complaint(field: dataclasses.Field, value: Any) -> str:
    """What is wrong with a value by its field's choices and bounds; empty if nothing is."""
    choices, bounds = field.metadata["choices"], field.metadata["bounds"]
    if choices and value not in choices:
        return f"is not one of {', '.join(choices)}"
    return f"is outside {bounds}" if bounds and not _within(value, bounds) else ""


def _within(value: float, bounds: str) -> bool:
    low, high = (float(end) for end in bounds[1:-1].split(","))
    above = value >= low if bounds[0] == "[" else value > low
    below = value <= high if bounds[-1] == "]" else value < high
    return above and below and math.isfinite(value)
