"""What tells one run from another, and how runs are called."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from bnjax.settings.canonical import resolve
from bnjax.settings.config import FIELDS, Config


def identity(config: Config) -> dict[str, Any]:
    """The fields that differ from their defaults and can change a result."""
    return {
        field.name: getattr(config, field.name)
        for field in FIELDS
        if field.metadata["identity"] and getattr(config, field.name) != field.default
    }


def run_id(config: Config) -> str:
    """The name of a run: 12 hexadecimal digits of a hash over :func:`identity`.

    Only non-default fields count, so a field added later keeps the ids of runs that lie on disk.
    """
    return id_of_resolved(resolve(config))


def id_of_resolved(config: Config) -> str:
    """The same of a config that is in canonical form already, as records hold it."""
    text = json.dumps(identity(config), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def first_of(names: Sequence[str]) -> str:
    """Several runs by the first one's name: ``4f1a and 2 others``."""
    others = {1: "", 2: " and another one"}.get(len(names), f" and {len(names) - 1} others")
    return f"{names[0]}{others}"
