"""The documentation of a network's class: all of its arguments, with their defaults."""

import dataclasses
import inspect
import re
from typing import Any

_HEADING = "Attributes:"
#: A line that begins what is said of one argument or of several: ``norm, norm_scale: ...``.
_ENTRY = re.compile(r"  (\w+(?:, \w+)*): ")
#: Longer ones are left out.
_LONGEST_DEFAULT = 30


def whole_docstring(network: type, base: type) -> str:
    """A network's own docstring with what its base says of the other arguments, and all defaults.

    Args:
      network: a dataclass; what its docstring says of attributes stands at the end.
      base: one of its bases, likewise.
    """
    about, own = _parts(network)
    told = {**_parts(base)[1], **own}
    listed = [*own, *(name for name in told if name not in own)]
    defaults = {field.name: field.default for field in dataclasses.fields(network)}
    entries = [f"  {names}: {told[names]}{_defaults(names.split(', '), defaults)}" for names in listed]
    return "\n".join([about.rstrip(), "", _HEADING, *entries]) + "\n"


def _parts(documented: type) -> tuple[str, dict[str, str]]:
    """What stands before the attributes, and names of attributes -> what is said of them."""
    about, _, attributes = inspect.cleandoc(documented.__doc__ or "").partition(f"\n{_HEADING}\n")
    entries: dict[str, str] = {}
    names = ""
    for line in attributes.splitlines():
        if entry := _ENTRY.match(line):
            names = entry[1]
            entries[names] = line[entry.end() :]
        elif names:
            entries[names] += f"\n{line}"
        else:  # of another form than ours, in somebody's own network
            about += f"\n{line}"
    return about, entries


def _defaults(names: list[str], defaults: dict[str, Any]) -> str:
    shown = [_shown(defaults[name]) for name in names if name in defaults]
    return f" Default: {', '.join(shown)}." if all(shown) and shown else ""


def _shown(default: Any) -> str:
    """How a default is written; empty where it is long."""
    text = getattr(default, "__name__", "") or repr(default)
    return text if len(text) <= _LONGEST_DEFAULT else ""
