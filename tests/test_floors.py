"""The floors of the house: a room imports from rooms below it, no file in circles, and JAX comes late."""

import ast
import functools
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "bnjax"
FILES = sorted(PACKAGE.rglob("*.py"))
#: Files beside the rooms, which all of them may use.
VALUES = (
    "",
    "norm",
    "placement_value",
    "placement",
    "errors",
    "files",
    "field_types",
    "checksummed",
    "plugins",
)
#: Files above the probes, whose numbers they know.
RECORDS = ("record_check", "records", "record_rules", "schema")
#: Above those, from the ground up.
ROOMS = (
    *("process", "architectures", "settings", "stats", "studies", "diagnosis", "data", "kernels", "nn"),
    *("models", "weights", "train", "runs", "sweeps", "report", "commands", "api"),
)
LEVELS = (VALUES, ("probes",), RECORDS, *((room,) for room in ROOMS))
FLOORS = {name: floor for floor, names in enumerate(LEVELS) for name in names}
#: What users meet first: the package itself and ``python -m bnjax``. It may lend from every room.
FRONT = "__main__"
FLOORS[FRONT] = len(FLOORS)
NEEDS_A_DEVICE = {"jax", "jaxlib", "flax", "optax", "orbax", "grain"}
WITHOUT_JAX = {
    *(*VALUES, *RECORDS, "probes", "architectures", "settings", "stats", "studies", "diagnosis", "report"),
}
USES_ABSL = [("bnjax", "commands", "parsing", "flags"), ("bnjax", "process", "absl_flags")]


def imported_modules(source, module):
    """Full names of all that a file imports, in functions and for types too; ``module``: its own parts."""
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
    return FRONT if name == "__init__" else name


def circles(imports):
    """Modules that import each other in a circle, each with the way back to itself.

    Args:
      imports: module -> the modules that it imports.
    """

    @functools.cache
    def reached(module):
        seen, todo = set(), list(imports[module])
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo.extend(imports.get(other, ()))
        return seen

    return {module: sorted(other for other in reached(module) if module in reached(other))
            for module in imports if module in reached(module)}  # fmt: skip


def test_no_file_imports_in_circles():
    modules = {".".join(module_of(file)).removesuffix(".__init__"): file for file in FILES}
    imports = {
        name: modules.keys() & imported_modules(file.read_text(encoding="utf-8"), package_of(file)) - {name}
        for name, file in modules.items()
        if file.name != "__init__.py"
    }
    assert circles(imports) == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(module_of(file)))
def test_a_file_imports_from_its_own_room_or_lower_ones(file):
    assert in_room(file) in FLOORS
    if in_room(file) != FRONT:
        assert rooms_above(file.read_text(encoding="utf-8"), package_of(file)) == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: "/".join(module_of(file)))
def test_settings_studies_and_the_report_know_no_jax(file):
    if in_room(file) in WITHOUT_JAX:
        assert packages(file.read_text(encoding="utf-8"), package_of(file)) & NEEDS_A_DEVICE == set()


def test_flags_are_read_in_one_place():
    users = [file for file in FILES if "absl" in packages(file.read_text(encoding="utf-8"), package_of(file))]
    assert [module_of(file) for file in users] == USES_ABSL


def test_every_room_is_looked_at():
    assert {"probes", *ROOMS} <= {in_room(file) for file in FILES}


@pytest.mark.parametrize(
    ("module", "source", "above"),
    [
        ("bnjax.settings.config", "import bnjax.commands.launch", {"bnjax.commands.launch"}),
        (
            "bnjax.data.load",
            "def f():\n    from bnjax.train import step",
            {"bnjax.train", "bnjax.train.step"},
        ),
        ("bnjax.nn.unit", "from bnjax import records, models", {"bnjax.models"}),
        ("bnjax.probes.lag", "from bnjax import records, placement", {"bnjax.records"}),
        ("bnjax.data.load", "from ..train import step", {"bnjax.train", "bnjax.train.step"}),
        ("bnjax.data.load", "from . import train", set()),
        ("bnjax.train.steps.step", "import jax, bnjax.probes.dying, bnjax.settings.config", set()),
    ],
)
def test_the_check_sees_what_it_should(module, source, above):
    assert rooms_above(source, tuple(module.split("."))) == above


def test_the_check_sees_circles():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == {"b": ["b", "c"], "c": ["b", "c"]}


def test_the_check_sees_jax_inside_a_function():
    assert packages("def f():\n    import jax.numpy as jnp", ("bnjax", "records")) == {"jax"}
