"""Command-line flags, made from the fields of ``Config`` and ``Options`` (the one user of absl flags).

Nothing here imports JAX, so help and complaints come at once.
"""

import dataclasses
import difflib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from bnjax.commands.command import Command, command_of
from bnjax.commands.parsing.help_pages import help_page
from bnjax.commands.parsing.plugin_flag import load_given_plugin
from bnjax.commands.parsing.usage import complain, name_of, version_line
from bnjax.plugins import PluginError
from bnjax.process.stdout import write_stdout
from bnjax.settings.config import FIELDS
from bnjax.settings.fields import ConfigError, parse_number
from bnjax.settings.options import OPTION_FIELDS

#: Flag -> the group of flags that it asks for: empty for the page of those that matter most.
_HELP_FLAGS = {"--help": "", "-help": "", "-h": "", "--helpshort": "", "--helpfull": "all"}
_HELP_OF_GROUP = "--help="
_VERSION_FLAGS = {"--version", "-version"}
#: Names that other programs give to the same settings.
_ALSO_CALLED = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "bs": "batch_size",
    "data": "dataset",
    "network": "model",
    "arch": "model",
    "output_dir": "out_dir",
    "num_epochs": "epochs",
    "dropout_rate": "dropout",
}


def command_from_flags(argv: Sequence[str], study: str) -> Command:
    """The runs that a command line asks for.

    Args:
      argv: the program as it was called, and its arguments.
      study: whose recipes the flags start from, see :mod:`bnjax.studies`.

    Raises:
      SystemExit: with 0 after printing the help or the version, with 1 where that cannot be written, with 2
        after one line on stderr that says what is wrong with the command line.
    """
    load_given_plugin(argv)
    try:
        if (page := _page(argv, study)) is not None:
            print_page(page, argv[0])
        return command_of(study, _given_flags(argv))
    except (flags.Error, ConfigError, PluginError) as error:
        complain(argv[0], str(error))


def _page(argv: Sequence[str], study: str) -> str | None:
    """What is to be shown instead of running anything; None for nothing."""
    if _VERSION_FLAGS.intersection(argv[1:]):
        return version_line()
    for argument in argv[1:]:
        if argument in _HELP_FLAGS:
            return help_page(argv[0], study, _HELP_FLAGS[argument])
        if argument.startswith(_HELP_OF_GROUP):
            return help_page(argv[0], study, argument.removeprefix(_HELP_OF_GROUP))
    return None


def print_page(page: str, program: str) -> None:
    """Shows a page and ends the program.

    Raises:
      SystemExit: with 0, or with 1 after a line on stderr where the page cannot be written.
    """
    try:
        write_stdout(page + "\n")
    except OSError as error:
        print(f"{name_of(program)}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    raise SystemExit(0)


def _given_flags(argv: Sequence[str]) -> dict[str, Any]:
    values = flags.FlagValues()
    fields = (*FIELDS, *OPTION_FIELDS)
    for field in fields:
        _define(field, values)
    try:
        rest = values(list(argv))[1:]
    except flags.UnrecognizedFlagError as error:
        raise ConfigError(_unknown(error, values)) from None
    except UnicodeDecodeError as error:
        flagfile = next(argument for argument in argv if "flagfile" in argument)
        raise ConfigError(f"{flagfile} is not a text file ({error})") from None
    if rest:
        raise ConfigError(f"{rest[0]!r} is not a flag; flags are written --name=value")
    return {field.name: values[field.name].value for field in fields if values[field.name].present}


def _unknown(error: flags.UnrecognizedFlagError, values: flags.FlagValues) -> str:
    """What is said of a flag that there is not."""
    name = error.flagname.removeprefix("no")
    close = (
        [_ALSO_CALLED[name]] if name in _ALSO_CALLED else difflib.get_close_matches(name, list(values), n=1)
    )
    said = f"there is no flag --{error.flagname}"
    return f"{said}; did you mean --{close[0]}?" if close else said


def _define(field: dataclasses.Field, values: flags.FlagValues) -> None:
    makers: dict[type, Any] = {
        bool: _define_bool,
        int: _define_int,
        float: _define_float,
        str: flags.DEFINE_string,
    }
    makers[type(field.default)](field.name, None, field.metadata["help"], flag_values=values)


class _NumberParser(flags.ArgumentParser):
    def __init__(self, kind: type) -> None:
        self._kind = kind

    def parse(self, argument: str) -> Any:
        return parse_number(argument, self._kind)


def _define_int(name: str, default: int | None, help: str, flag_values: flags.FlagValues) -> None:
    flags.DEFINE(_NumberParser(int), name, default, help, flag_values)


def _define_float(name: str, default: float | None, help: str, flag_values: flags.FlagValues) -> None:
    flags.DEFINE(_NumberParser(float), name, default, help, flag_values)


class _BooleanParser(flags.BooleanParser):
    def parse(self, argument: str | int) -> bool:
        try:
            return super().parse(argument)
        except ValueError:
            raise ValueError(f"{argument!r} is neither true nor false") from None


def _define_bool(name: str, default: bool | None, help: str, flag_values: flags.FlagValues) -> None:
    flag = flags.BooleanFlag(name, default, help)
    flag.parser = _BooleanParser()
    flags.DEFINE_flag(flag, flag_values)
