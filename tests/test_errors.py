"""Errors that users see have one base, and commands end with it."""

import ast
import importlib
from pathlib import Path

import pytest

from bnjax.errors import FAILURES, UserError

PACKAGE = Path(__file__).resolve().parents[1] / "bnjax"
#: Caught within bnjax, or raised for wrong arguments of a layer.
INTERNAL = {
    "bnjax.data.picture": {"BadImageError"},
    "bnjax.record_rules": {"WrongError"},
    "bnjax.runs.loop": {"DivergedError"},
}
WRONG_ARGUMENTS = "bnjax.nn"


def error_classes():
    """Module and name of every class that is called an error."""
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                yield module.removesuffix(".__init__"), node.name


@pytest.mark.parametrize(("module", "name"), [*error_classes()])
def test_an_error_is_of_users_or_is_known_not_to_be(module, name):
    error = getattr(importlib.import_module(module), name)
    internal = name in INTERNAL.get(module, ()) or module.startswith(WRONG_ARGUMENTS)
    assert issubclass(error, UserError) is not internal


def test_commands_end_with_these_and_no_other_errors():
    assert (UserError, OSError, MemoryError) == FAILURES
    assert not issubclass(KeyError, FAILURES)
    assert not issubclass(ValueError, FAILURES)
