"""How an experiment's script starts. It imports nothing by itself that Python has not loaded already."""

import os
import signal


def run_script(argv: list[str], study: str) -> int:
    """Makes the runs of a study that a command line asks for.

    Args:
      argv: the program as it was called, and its flags.
      study: whose recipes count.

    Returns:
      The exit code.

    Raises:
      SystemExit: for help, or after a line about wrong usage.
    """
    exit_at_signals()  # imports take a while
    from bnjax.commands.launch import launch
    from bnjax.commands.parsing.flags import command_from_flags
    from bnjax.commands.parsing.usage import name_of

    configs, options, yielding = command_from_flags(argv, study)
    return launch(configs, options, name_of(argv[0]), yielding)


def exit_at_signals() -> None:
    """From now on SIGINT and SIGTERM end the process at once, with 128 + the number: nothing is lost yet.

    An exception, such as Python's own for SIGINT, would show a page of imports, and is dropped where it
    happens to be raised in what the import system calls back.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda came, _: os._exit(128 + came))
