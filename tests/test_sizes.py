"""What one reads at once stays small: files, functions, rooms; and imports stand where one looks for them."""

import ast
import functools
from collections import Counter
from pathlib import Path

from test_floors import FILES, PACKAGE, module_of

TESTS = Path(__file__).resolve().parent
LINES, FUNCTION_LINES, FILES_IN_A_ROOM = 250, 45, 13
TEST_LINES = 400
#: One file for each text: a long list of what it claims, which has no second half of its own.
STUDY_LINES = 350
#: One file for each of something: there may be any number of them.
REGISTRIES = {"architectures", "models", "nn/norms", "probes", "studies/papers"}
#: Packages that take long to import, or that not everybody has.
HEAVY = {
    *("jax", "flax", "optax", "grain", "llvmlite", "numpy", "pandas", "scipy", "sklearn", "PIL", "h5py"),
    *("matplotlib", "rich", "tqdm", "requests", "pooch", "filelock"),
    *("tensorflow_datasets", "array_record", "imageio_ffmpeg", "submitit"),
}
#: They hear signals before anything is imported; and a single run starts without what a sweep needs.
LATE = {"commands/console.py", "commands/script.py", "commands/launch.py"}
MODULES = {".".join(module_of(file)).removesuffix(".__init__"): file for file in FILES}


def within(file):
    return file.relative_to(PACKAGE).as_posix()


@functools.cache
def tree_of(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(tree, inside):
    """Import statements in functions, or outside of them; those for types alone are none."""
    found, todo = [], [(tree, False)]
    while todo:
        parent, in_function = todo.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.Import | ast.ImportFrom) and in_function == inside:
                found.append(node)
            elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
                todo.append((node, in_function or isinstance(node, ast.FunctionDef)))
    return found


def names(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    parts = [f"{node.module}.{alias.name}" for alias in node.names]
    return [part if part in MODULES else node.module for part in parts]


@functools.cache
def brings(module):
    """The heavy packages that come with a module of ours, or that it is of."""
    seen, todo = set(), [module]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            rooms = [".".join(name.split(".")[:end]) for end in range(2, name.count(".") + 1)]
            imported = imports(tree_of(MODULES[name]), inside=False) if name in MODULES else []
            todo += [*filter(MODULES.get, rooms), *(each for node in imported for each in names(node))]
    return {name.split(".")[0] for name in seen} & HEAVY


def test_a_file_can_be_read_at_once():
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    most = {file: STUDY_LINES if file.parent == PACKAGE / "studies" else LINES for file in FILES}
    assert {within(file): count for file, count in lines.items() if count > most[file]} == {}


def test_a_file_of_tests_can_be_read_at_once():
    lines = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in TESTS.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > TEST_LINES} == {}


def test_a_function_can_be_read_at_once():
    lengths = {
        f"{within(file)}: {node.name}": node.end_lineno - node.lineno + 1 - documented(node)
        for file in FILES
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def documented(function):
    """The lines of a docstring."""
    return len((ast.get_docstring(function) or "").splitlines())


def test_a_room_has_few_files():
    rooms = Counter(within(file.parent) for file in FILES if file.name != "__init__.py")
    large = {room for room, files in rooms.items() if files > FILES_IN_A_ROOM}
    assert large - REGISTRIES == set()


def test_imports_within_functions_are_of_what_takes_long():
    late = {
        (within(file), name)
        for module, file in MODULES.items()
        for node in imports(tree_of(file), inside=True)
        for name in names(node)
        # Of a heavy package that a file imports anyway, parts may come late.
        if name.startswith("bnjax") and not brings(name) - brings(module)
    }
    assert {(file, name) for file, name in late if file not in LATE} == set()


def test_the_check_sees_imports_where_they_are():
    code = "import a\nif TYPE_CHECKING:\n    import b\ndef f():\n    def g():\n        import c\n    import d"
    assert [name for node in imports(ast.parse(code), inside=False) for name in names(node)] == ["a"]
    assert {name for node in imports(ast.parse(code), inside=True) for name in names(node)} == {"c", "d"}
    assert "jax" in brings("bnjax.models.cnn")
    assert brings("bnjax.placement") == set()
