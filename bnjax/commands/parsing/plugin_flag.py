"""``--plugin`` on a command line, which is read before all other flags: it decides what these may be."""

from collections.abc import Sequence

from bnjax.commands.parsing.usage import complain
from bnjax.plugins import PluginError, load_plugin

_FLAGS = ("--plugin", "-plugin")


def load_given_plugin(argv: Sequence[str]) -> None:
    """Imports the file that a command line names, if it names one.

    Args:
      argv: the program as it was called, and its arguments.

    Raises:
      SystemExit: with 2 after one line on stderr, where it cannot be imported.
    """
    try:
        for path in _paths(argv):
            load_plugin(path)
    except PluginError as error:
        complain(argv[0], str(error))


def _paths(argv: Sequence[str]) -> list[str]:
    paths = []
    for number, argument in enumerate(argv[1:], start=1):
        flag, equals, value = argument.partition("=")
        if flag in _FLAGS and value:
            paths.append(value)
        elif flag in _FLAGS and not equals and number + 1 < len(argv):
            paths.append(argv[number + 1])
    return paths
