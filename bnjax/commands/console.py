"""The command ``bnjax``: a study by its name, the report, or what there is to choose from."""

import sys
from collections.abc import Callable, Sequence
from functools import partial

from bnjax.commands.script import exit_at_signals, run_script

PROGRAM = "bnjax"
_HELP = ("--help", "-help", "-h", "help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what a command line asks for.

    Args:
      arguments: behind the program's name; None: those of this process.

    Returns:
      The exit code.

    Raises:
      SystemExit: for help, or after a line about wrong usage.
    """
    exit_at_signals()
    asked = list(sys.argv[1:] if arguments is None else arguments)
    from bnjax.commands.listing import front_page
    from bnjax.commands.parsing.flags import print_page
    from bnjax.commands.parsing.plugin_flag import load_given_plugin
    from bnjax.commands.parsing.usage import close_to, complain, version_line

    if asked[:1] == ["--version"]:
        print_page(version_line(), PROGRAM)
    if not asked or asked[0] in _HELP:
        print_page(front_page(), PROGRAM)
    load_given_plugin([PROGRAM, *asked])
    commands = _commands()
    if asked[0] not in commands:
        listed = ", ".join(commands)
        complain(PROGRAM, f"{asked[0]!r} is not one of {listed}{close_to(asked[0], commands)}")
    return commands[asked[0]]([f"{PROGRAM} {asked[0]}", *asked[1:]])


def _commands() -> dict[str, Callable[[list[str]], int]]:
    """What a word behind the program's name stands for; each takes itself as it was called, and its flags."""
    from bnjax.commands.diagnosing import diagnose
    from bnjax.commands.listing import list_command
    from bnjax.studies import STUDIES

    of_studies: dict[str, Callable[[list[str]], int]] = {
        name: partial(run_script, study=name) for name in STUDIES
    }
    return {**of_studies, "report": _report, "diagnose": diagnose, "list": list_command}


def _report(argv: list[str]) -> int:
    from bnjax.commands.reporting import report  # imports pandas and what draws

    return report(argv)
