"""Command-line flags, made from the fields of ``Config`` and ``Options`` (the one user of absl flags).

Nothing here imports JAX, so help and complaints come at once.
"""

import argparse
import dataclasses
import importlib.util
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from absl import flags

from bnjax.commands.conditions import sweep_conditions
from bnjax.commands.defaults import configured
from bnjax.process.stdout import write_stdout
from bnjax.settings.canonical import resolve
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.fields import ConfigError, check_field, parse_number
from bnjax.settings.identity import run_id
from bnjax.settings.options import (
    MOST_LANES,
    OPTION_FIELDS,
    Options,
    check_distributed,
    check_until,
    engine_parameters,
)
from bnjax.settings.places import expanded
from bnjax.studies import STUDIES, Conditions, recipe

USAGE_ERROR = 2
_MOVIE_SUFFIXES = (".gif", ".webp", ".mp4")
_HELP_FLAGS = {"--help", "-help", "-h", "--helpshort", "--helpfull"}


class Command(NamedTuple):
    """What a command line asks for.

    Attributes:
      configs: resolved, all of them different runs.
      options: how they are made.
      yielding: those configs whose ``validation`` is the recipe's: data with validation images of its own
        takes its place.
    """

    configs: tuple[Config, ...]
    options: Options
    yielding: frozenset[Config] = frozenset()


def command_from_flags(argv: Sequence[str], experiment: str, about: str) -> Command:
    """The runs that a command line asks for.

    Args:
      argv: the program's name and its arguments.
      experiment: whose recipes the flags start from, see :mod:`bnjax.studies`.
      about: what the program does, for the help.

    Raises:
      SystemExit: with 0 after printing the help, with 1 where that cannot be written, with 2 after one
        line on stderr that says what is wrong with the command line.
    """
    if _HELP_FLAGS.intersection(argv[1:]):
        try:
            write_stdout(help_text(argv[0], experiment, about) + "\n")
        except OSError as error:
            print(f"{experiment}.py: {error}", file=sys.stderr)
            raise SystemExit(1) from None
        raise SystemExit(0)
    try:
        given = _given_flags(argv)
        options = _options(given)
        settings = {name: value for name, value in given.items() if name in _names(FIELDS)}
        conditions = sweep_conditions(experiment, options.sweep, options.vary)
        configs = _configs(experiment, conditions, settings, options)
        asked = {name for some in (settings, *conditions.values()) for name in some}
        _check_movies(options, len(configs))
        check_distributed(options, given, configs)
        check_until(options, given)
        return Command(configs, options, frozenset() if "validation" in asked else frozenset(configs))
    except (flags.Error, ConfigError) as error:
        complain(argv[0], str(error))


def _names(fields: Sequence[dataclasses.Field]) -> set[str]:
    return {field.name for field in fields}


def _options(given: Mapping[str, Any]) -> Options:
    options = Options(**{name: value for name, value in given.items() if name in _names(OPTION_FIELDS)})
    for field in OPTION_FIELDS:
        check_field(field, getattr(options, field.name))
    if options.lanes != "auto" and not (options.lanes.isdecimal() and 0 < int(options.lanes) <= MOST_LANES):
        raise ConfigError(f"--lanes={options.lanes} is neither auto nor a number from 1 to {MOST_LANES}")
    engine_parameters(options)
    return options


def _configs(
    experiment: str, conditions: Conditions, given: Mapping[str, Any], options: Options
) -> tuple[Config, ...]:
    """Every condition with every seed, a run that two of them share once."""
    runs: dict[str, Config] = {}
    first_seed = given.get("seed", Config.seed)
    for seed in range(first_seed, first_seed + options.seeds):
        for settings in conditions.values():
            for name in settings.keys() & given.keys():
                asked = f"--sweep={options.sweep}" if options.sweep else f"--vary={options.vary}"
                raise ConfigError(f"--{name}={given[name]}: {asked} gives that itself")
            config = _resolved(experiment, {**given, **settings, "seed": seed})
            runs.setdefault(run_id(config), config)
    return tuple(runs.values())


def _resolved(experiment: str, settings: Mapping[str, Any]) -> Config:
    try:
        return resolve(configured(experiment, settings))
    except ConfigError as error:
        named = re.match(r"--(?:no)?(\w+)", str(error))
        if named and named[1] in _names(FIELDS) - settings.keys():
            raise ConfigError(
                f"{error}; --{named[1]} is {experiment}.py's default here, so give another"
            ) from None
        raise


def _check_movies(options: Options, runs: int) -> None:
    for name, text in (("movie", options.movie), ("weight_movie", options.weight_movie)):
        if not text:
            continue
        path, flag = expanded(text), f"--{name}={text}"
        if runs > 1:
            raise ConfigError(f"{flag} shows one run, and this command makes {runs}")
        if options.engine != "processes":
            raise ConfigError(f"{flag} is made by this process alone, not with --engine={options.engine}")
        if path.suffix not in _MOVIE_SUFFIXES:
            raise ConfigError(f"{flag} does not end in one of {', '.join(_MOVIE_SUFFIXES)}")
        if path.suffix == ".mp4" and not importlib.util.find_spec("imageio_ffmpeg"):
            raise ConfigError(f"{flag}: an .mp4 needs the package imageio-ffmpeg; .gif and .webp do not")
        if not path.parent.is_dir():
            raise ConfigError(f"{flag}: the folder {path.parent} does not exist")


class Parser(argparse.ArgumentParser):
    """For programs whose arguments are not those of a run; complains as they do.

    Args:
      program: as it was called.
      about: what it does, for the help; ``{program}`` stands for the former.
    """

    def __init__(self, program: str, about: str) -> None:
        name, layout = program.rpartition("/")[2], argparse.RawDescriptionHelpFormatter
        super().__init__(name, description=about.format(program=program), formatter_class=layout)

    def error(self, message: str) -> NoReturn:
        complain(self.prog, message)


def complain(program: str, message: str) -> NoReturn:
    """Ends the program as a wrong command line does: one line on stderr, exit code 2."""
    line = " ".join(message.split())
    print(f"{program.rpartition('/')[2]}: {line} (--help explains every flag)", file=sys.stderr)
    raise SystemExit(USAGE_ERROR)


def _given_flags(argv: Sequence[str]) -> dict[str, Any]:
    values = flags.FlagValues()
    fields = (*FIELDS, *OPTION_FIELDS)
    for field in fields:
        _define(field, values)
    try:
        rest = values(list(argv))[1:]
    except UnicodeDecodeError as error:
        flagfile = next(argument for argument in argv if "flagfile" in argument)
        raise ConfigError(f"{flagfile} is not a text file ({error})") from None
    if rest:
        raise ConfigError(f"{rest[0]!r} is not a flag; flags are written --name=value")
    return {field.name: values[field.name].value for field in fields if values[field.name].present}


def _choices(name: str) -> tuple[str, ...]:
    return next(field for field in FIELDS if field.name == name).metadata["choices"]


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


def help_text(program: str, experiment: str, about: str) -> str:
    """What ``--help`` prints: the purpose, an example, and every flag with its choices and defaults."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    groups: dict[str, list[str]] = {}
    for field in (*FIELDS, *OPTION_FIELDS):
        groups.setdefault(field.metadata["group"], []).append(_flag_help(field, experiment, width))
    blocks = [f"{name.capitalize()}:\n" + "\n".join(lines) for name, lines in groups.items()]
    return "\n\n".join([about.strip().format(program=program), *blocks])


def _flag_help(field: dataclasses.Field, experiment: str, width: int) -> str:
    published, controlled = (
        getattr(recipe(experiment, name), field.name, field.default) for name in _choices("recipe")
    )
    shown = f"default {_quoted(published)}"
    if controlled != published and field.name != "recipe":
        shown += f", with --recipe=controlled {_quoted(controlled)}"
    choices = field.metadata["choices"]
    if field.name == "sweep":
        choices = (*STUDIES[experiment].sweeps, "FILE.json")
    value = f"={'|'.join(choices)}" if choices else "" if field.default is False else "=..."
    text = textwrap.fill(
        f"{field.metadata['help']} ({shown})", width, initial_indent=" " * 6, subsequent_indent=" " * 6
    )
    return f"  --{field.name}{value}\n{text}"


def _quoted(value: Any) -> str:
    return repr(value) if value in ("", False, True) else str(value)
