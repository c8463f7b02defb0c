"""``bnjax.register``: what a plugin adds to the registries of networks, norms and others. Imports no JAX."""

import dataclasses
import re
from typing import Any, is_typeddict

from bnjax.architectures import ARCHITECTURES, Architecture
from bnjax.data.sources import SOURCES, Source
from bnjax.norm import NORMS, Norm
from bnjax.plugins import PluginError, imported_now
from bnjax.probes import ALL, NONE, PROBES, Probe
from bnjax.record_check import rules
from bnjax.record_rules import rule_of_probe
from bnjax.studies import CLAIMS, STUDIES, Study

#: The type of what is registered -> what it is called, and where it goes.
_REGISTRIES: dict[type, tuple[str, dict[str, Any]]] = {
    Architecture: ("network", ARCHITECTURES),
    Norm: ("norm", NORMS),
    Probe: ("probe", PROBES),
    Study: ("study", STUDIES),
    Source: ("set of images", SOURCES),
}
#: What plugins brought: another version of a file may bring it again.
_brought: set[tuple[type, str]] = set()


def register(value: Any) -> None:
    """Adds a network, a norm, a probe, a study or a set of images, for flags, help, sweeps and reports.

    A plugin calls it where it is imported, for each thing that it brings::

        bnjax.register(Architecture(name="tiny", network=f"{__name__}:Tiny", ...))

    Args:
      value: an ``Architecture``, a ``Norm``, a ``Probe``, a ``Study`` or a ``Source``.

    Raises:
      PluginError: it is something else, its name is not one for flags, or is taken.
    """
    kind = next((kind for kind in _REGISTRIES if isinstance(value, kind)), None)
    if kind is None:
        known = ", ".join(known.__name__ for known in _REGISTRIES)
        raise PluginError(f"cannot register {value!r}: it is none of {known}")
    called, registry = _REGISTRIES[kind]
    name = value.name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise PluginError(f"the {called} {name!r}: names are of small letters, digits and underscores")
    if name in registry and (kind, name) not in _brought:
        raise PluginError(f"there is a {called} {name!r} already; give yours another name")
    if isinstance(value, Norm):
        _check_letter(value)
    if isinstance(value, Probe):
        _check_probe(value)
    _brought.add((kind, name))
    registry[name] = _of_this_plugin(value) if isinstance(value, Study) else value


def _check_letter(norm: Norm) -> None:
    """Refuses a letter that says something else in the code of a placement."""
    taken = {other.letter: other.name for other in NORMS.values() if other.name != norm.name}
    if not re.fullmatch("[A-Z]", norm.letter) or norm.letter in taken:
        listed = ", ".join(f"{letter} ({name})" for letter, name in taken.items())
        raise PluginError(f"the norm {norm.name!r} needs a capital letter of its own, beside {listed}")


def _check_probe(probe: Probe) -> None:
    """Refuses a probe that records cannot hold, or whose names stand for something else in them."""
    if not is_typeddict(probe.found):
        raise PluginError(f"the probe {probe.name!r}: found is {probe.found!r}, not a TypedDict")
    if probe.observe and not re.fullmatch(r"[\w.]+:\w+", probe.observe):
        raise PluginError(f"the probe {probe.name!r}: observe is {probe.observe!r}, not MODULE:FUNCTION")
    for name in (probe.name, *probe.numbers):
        if owner := _owner(name, probe):
            raise PluginError(f"the probe {probe.name!r}: the name {name!r} is taken by {owner}")
    try:
        rule_of_probe(probe)
    except (TypeError, ValueError, NameError) as error:
        raise PluginError(f"the probe {probe.name!r}: records hold no such type: {error}") from None


def _owner(name: str, probe: Probe) -> str:
    """What a name means already in flags, records or tables, but for the probe's own; empty: nothing."""
    if name in (ALL, NONE):
        return "--probes"
    others = [other for other in PROBES.values() if other.name != probe.name]
    fields = {name for rule in rules().values() for name in rule.fields or ()} - PROBES.keys()
    clashes = [f"the probe {other.name}" for other in others if name in (other.name, *other.numbers)]
    return "records" if name in fields else next(iter(clashes), "")


def _of_this_plugin(study: Study) -> Study:
    """A study whose recipes, and so the conditions of its claims, are those of the plugin that brings it."""
    CLAIMS[:] = [claim for claim in CLAIMS if claim.source != study.name] + list(study.claims)
    published = dataclasses.replace(study.published, plugin_digest=imported_now())
    return dataclasses.replace(study, published=published)
