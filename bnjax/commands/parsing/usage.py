"""How a program is called, and how it ends where it is called in a wrong way. Imports no JAX."""

import argparse
import difflib
import sys
from collections.abc import Iterable
from typing import NoReturn

import bnjax

USAGE_ERROR = 2


def version_line() -> str:
    """The version, as ``--version`` says it."""
    return f"bnjax {bnjax.__version__}"


def name_of(program: str) -> str:
    """What lines on stderr begin with: ``cifar10.py`` of ``experiments/cifar10.py``, or ``bnjax cifar10``."""
    return program.rpartition("/")[2]


def as_typed(program: str) -> str:
    """What a person types to start a program: a script needs ``python`` before it."""
    return f"python {program}" if program.endswith(".py") else program


class Parser(argparse.ArgumentParser):
    """For programs whose arguments are not those of a run; complains as they do.

    Args:
      program: as it was called.
      about: what it does, for the help; ``{program}`` stands for the former, ``{typed}`` for what starts it.
    """

    def __init__(self, program: str, about: str) -> None:
        description = about.format(program=program, typed=as_typed(program))
        layout = argparse.RawDescriptionHelpFormatter
        super().__init__(name_of(program), description=description, formatter_class=layout)

    def error(self, message: str) -> NoReturn:
        complain(self.prog, message)


def complain(program: str, message: str) -> NoReturn:
    """Ends the program as a wrong command line does: one line on stderr, exit code 2."""
    line = " ".join(message.split())
    print(f"{name_of(program)}: {line} (--help explains every flag)", file=sys.stderr)
    raise SystemExit(USAGE_ERROR)


def close_to(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'cifar10'?`` where a known word is close, else nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
