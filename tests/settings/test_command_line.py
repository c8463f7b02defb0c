"""Command lines say the same typed in a shell, given to a process, and read by bnjax."""

import shlex
import sys
from pathlib import Path

import pytest

from bnjax.commands.parsing.flags import command_from_flags
from bnjax.settings.command_line import CommandLine

PACKAGE = Path(__file__).resolve().parents[2] / "bnjax"
FLAGS = {
    "none": {},
    "numbers and truth": {"epochs": 3, "dropout": 0.25, "input_site": True, "overwrite": False},
    "a grid": {"vary": "placement=none|conv,dense; dropout=0|0.4", "seeds": 2},
    "odd names": {"dataset": "folder:/a b/it's $HOME", "out_dir": 'runs "x"'},
}


def settings_of(arguments):
    command = command_from_flags(arguments, "cifar10")
    return command.configs, command.options


@pytest.mark.parametrize("flags", FLAGS.values(), ids=FLAGS.keys())
def test_a_shell_and_a_process_read_the_same(flags):
    line = CommandLine("cifar10", flags)
    program, study, *typed = shlex.split(str(line))
    assert (program, study) == ("bnjax", "cifar10")
    assert line.arguments(Path("a b")) == [sys.executable, str(Path("a b") / "cifar10.py"), *typed]
    configs, options = settings_of([study, *typed])
    for name, value in flags.items():
        assert getattr(options if hasattr(options, name) else configs[0], name) == value


def test_what_needs_no_quotes_has_none():
    line = CommandLine("vgg7", {"placement": "conv,dense", "vary": "dropout=0|0.4"})
    assert str(line) == "bnjax vgg7 --placement=conv,dense --vary='dropout=0|0.4'"


def test_no_other_module_writes_commands():
    writers = {
        file.stem for file in PACKAGE.rglob("*.py") if "experiments/{" in file.read_text(encoding="utf-8")
    }
    assert writers == set()
