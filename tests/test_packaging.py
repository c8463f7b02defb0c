"""What the package imports is what it asks for, and the locks hold all of it."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from test_floors import FILES, package_of, packages

import bnjax

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
#: Module -> distribution, where the names differ.
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "absl": "absl-py"}


def names(requirements):
    return {Requirement(text).name for text in requirements}


def locked(lock):
    """Name -> version of what a lock installs."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {name: Version(version) for name, version in re.findall(r"(?m)^([\w.-]+)==([\w.]+)", text)}


def test_every_import_is_asked_for():
    imported = set()
    for file in FILES:
        imported |= packages(file.read_text(encoding="utf-8"), package_of(file))
    foreign = imported - sys.stdlib_module_names - {"bnjax", "__future__"}
    wanted = {DISTRIBUTIONS.get(module, module).replace("_", "-") for module in foreign}
    extras = PROJECT["optional-dependencies"]
    assert wanted <= names([*PROJECT["dependencies"], *extras["movie"], *extras["slurm"]])


@pytest.mark.parametrize(
    ("lock", "extras"), [("requirements.lock", ()), ("requirements-test.lock", ("test",))]
)
def test_a_lock_has_what_is_asked_for(lock, extras):
    versions = locked(lock)
    asked = [
        *PROJECT["dependencies"],
        *(text for e in extras for text in PROJECT["optional-dependencies"][e]),
    ]
    for requirement in map(Requirement, asked):
        assert requirement.specifier.contains(versions[requirement.name])


def test_the_oldest_requirements_are_the_lower_bounds():
    bounds = {
        requirement.name: Version(next(iter(requirement.specifier)).version)
        for requirement in map(Requirement, PROJECT["dependencies"])
    }
    assert locked("requirements-oldest.txt") == bounds


def test_the_locks_agree():
    versions, tested = locked("requirements.lock"), locked("requirements-test.lock")
    assert versions.items() <= tested.items()


def test_the_classifiers_name_pythons_from_the_oldest_on():
    named = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert named == ["3.11", "3.12", "3.13"]
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_the_citation_names_this_version():
    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {bnjax.__version__}" in lines
