"""No code asks for a network or a study by its name, and no word of bnjax's own means two things."""

import ast
import sys
from collections import Counter
from pathlib import Path

import pytest

from bnjax.architectures import ARCHITECTURES
from bnjax.studies import STUDIES

PACKAGE = Path(__file__).resolve().parents[1] / "bnjax"
#: Where networks and studies say their names themselves.
THEIR_OWN = ("architectures", "studies")
FILES = [
    file for file in sorted(PACKAGE.rglob("*.py")) if file.relative_to(PACKAGE).parts[0] not in THEIR_OWN
]
#: Defaults of settings, sets of images that two studies are named after, and a transformer's branch.
ELSEWHERE = {
    "placement_value.py": {"mlp"},
    "settings/parts/network.py": {"cnn"},
    "settings/parts/data.py": {"cifar10"},
    "data/sources/original.py": {"cifar10", "mnist"},
}
NAMES = {*ARCHITECTURES, *STUDIES}


def named(source):
    """Lines with a text that is the name of a network or a study -> the name."""
    texts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return {node.lineno: node.value for node in texts if isinstance(node.value, str) and node.value in NAMES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_names_no_network_or_study(file):
    allowed = ELSEWHERE.get(file.relative_to(PACKAGE).as_posix(), set())
    found = named(file.read_text(encoding="utf-8"))
    wrong = {line: name for line, name in found.items() if name not in allowed}
    assert wrong == {}, f"{file}: {wrong}; a field of Architecture or Study says it for all of them"


def test_what_is_allowed_is_needed():
    for file, names in ELSEWHERE.items():
        assert names == {*named((PACKAGE / file).read_text(encoding="utf-8")).values()}


@pytest.mark.parametrize(
    "source",
    [
        'if config.model == "vgg7":\n    width = 64',
        'wide = run.study != "mnist"',
        'wide = config.model in ("cnn", "somebody")',
        'match model:\n    case "resnet" | "mlp":\n        pass',
        '{"finetune": 3}.get(study, 0)',
        'of_study(runs, "mobilenet")',
    ],
)
def test_the_check_sees_what_it_should(source):
    assert len(named(source)) == 1


def test_the_check_sees_names_alone():
    assert named('"""Of the mnist study."""\nsay("cnn and mlp")\nvgg7 = MNIST.name') == {}


#: Functions of one task, each for its own kind of thing.
SAME_TASK = {"curves_figure", "write_kernel_gradient"}


def public(kind, source):
    """The public classes or functions that stand in a module."""
    return [node.name for node in ast.parse(source).body if isinstance(node, kind) and node.name[0] != "_"]


@pytest.mark.parametrize(("kind", "several"), [(ast.ClassDef, set()), (ast.FunctionDef, SAME_TASK)])
def test_what_is_public_has_a_name_of_its_own(kind, several):
    names = Counter(
        name for file in PACKAGE.rglob("*.py") for name in public(kind, file.read_text(encoding="utf-8"))
    )
    assert {name for name, count in names.items() if count > 1} == several


def test_a_module_is_not_named_as_one_of_pythons_own():
    names = {file.stem for file in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert names & sys.stdlib_module_names == set()
