"""The floors of the house: a file imports from its own floor or lower ones, and JAX comes late."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "bnjax"
FILES = sorted(PACKAGE.rglob("*.py"))
FLOORS = {
    "": 0,  # bnjax/__init__.py
    "placement": 0,
    "inceptionv3_layers": 0,
    "sites": 0,
    "config": 0,
    "settings": 0,
    "freezing": 0,
    "finetuning": 0,
    "sealed": 0,
    "options": 0,
    "recipes": 0,
    "conditions": 0,
    "records": 0,
    "schema": 0,
    "stdout": 0,
    "whole_file": 0,
    "flags": 1,
    "data": 2,
    "kernels": 3,
    "nn": 3,
    "models": 3,
    "weights": 3,
    "probes": 4,
    "train": 5,
    "script": 6,
    "report": 6,
}
NEEDS_A_DEVICE = {"jax", "jaxlib", "flax", "optax", "orbax", "grain"}
_WITHOUT_JAX = [room for room, floor in FLOORS.items() if floor <= 1] + ["report"]


def imported_modules(source, module):
    """Full names of all that a file imports, inside functions too; ``module`` is its own name in parts."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = (*module[: -node.level], node.module) if node.level else (node.module,)
            start = ".".join(part for part in parts if part)
            names.update({start, *(f"{start}.{alias.name}" for alias in node.names)})
    return names


def room(name):
    """The room of a bnjax module by its full name; '' for the package itself."""
    return [*name.split("."), ""][1]


def rooms_above(source, module):
    """What a file imports from higher floors than its own."""
    own = FLOORS[room(".".join(module))]
    ours = {name for name in imported_modules(source, module) if name.split(".")[0] == "bnjax"}
    return {name for name in ours if FLOORS.get(room(name), 0) > own}


def packages(source, module):
    """First words of all that a file imports."""
    return {name.split(".")[0] for name in imported_modules(source, module)}


def module_of(file):
    return file.relative_to(PACKAGE.parent).with_suffix("").parts


def package_of(file):
    """What a relative import in this file starts from, with the file's own name behind it."""
    parts = module_of(file)
    return (*parts[:-1], "") if parts[-1] == "__init__" else parts


def in_room(file):
    name = module_of(file)[1]
    return "" if name == "__init__" else name


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(module_of(file)))
def test_a_file_imports_from_its_own_floor_or_lower(file):
    assert in_room(file) in FLOORS
    assert rooms_above(file.read_text(encoding="utf-8"), package_of(file)) == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(module_of(file)))
def test_the_lowest_floors_and_the_report_know_no_jax(file):
    if in_room(file) in _WITHOUT_JAX:
        assert packages(file.read_text(encoding="utf-8"), package_of(file)) & NEEDS_A_DEVICE == set()


def test_flags_are_read_in_one_place():
    users = [file for file in FILES if "absl" in packages(file.read_text(encoding="utf-8"), package_of(file))]
    assert [module_of(file) for file in users] == [("bnjax", "flags")]


def test_every_room_is_looked_at():
    assert {"", "placement", "config", "flags", "data", "nn", "models", "probes", "train"} <= {
        in_room(file) for file in FILES
    }


@pytest.mark.parametrize(
    ("module", "source", "above"),
    [
        ("bnjax.config", "import bnjax.flags", {"bnjax.flags"}),
        (
            "bnjax.data.load",
            "def f():\n    from bnjax.train import loop",
            {"bnjax.train", "bnjax.train.loop"},
        ),
        ("bnjax.nn.unit", "from bnjax import config, probes", {"bnjax.probes"}),
        ("bnjax.data.load", "from ..train import loop", {"bnjax.train", "bnjax.train.loop"}),
        ("bnjax.data.load", "from . import train", set()),
        ("bnjax.train.loop", "import jax, bnjax.probes.dying, bnjax.flags", set()),
    ],
)
def test_the_check_sees_what_it_should(module, source, above):
    assert rooms_above(source, tuple(module.split("."))) == above


def test_the_check_sees_jax_inside_a_function():
    assert packages("def f():\n    import jax.numpy as jnp", ("bnjax", "records")) == {"jax"}
