"""From given settings to the runs that they ask for, whether flags give them or Python does."""

import importlib.util
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bnjax.architectures import ARCHITECTURES
from bnjax.commands.parsing.conditions import sweep_conditions
from bnjax.commands.parsing.defaults import configured
from bnjax.probes import chosen_probes
from bnjax.probes.dying import DYING
from bnjax.settings.canonical import resolve
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.fields import ConfigError, check_field
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
from bnjax.studies import Conditions

_MOVIE_SUFFIXES = (".gif", ".webp", ".mp4")
_SETTINGS = {field.name for field in FIELDS}
_OPTIONS = {field.name for field in OPTION_FIELDS}


class Command(NamedTuple):
    """What a command asks for.

    Attributes:
      configs: resolved, all of them different runs.
      options: how they are made.
      yielding: those configs whose ``validation`` is the recipe's: data with validation images of its own
        takes its place.
    """

    configs: tuple[Config, ...]
    options: Options
    yielding: frozenset[Config] = frozenset()


def command_of(study: str, given: Mapping[str, Any], conditions: Conditions | None = None) -> Command:
    """The runs that given settings and options ask for.

    Args:
      study: whose recipes they start from, see :mod:`bnjax.studies`.
      given: by name, each of the type of its field.
      conditions: what is varied; None: what the options ``sweep`` and ``vary`` say.

    Raises:
      ConfigError: names what is wrong and what would be accepted.
    """
    options = _options(given)
    settings = {name: value for name, value in given.items() if name in _SETTINGS}
    if conditions is None:
        conditions = sweep_conditions(study, options.sweep, options.vary)
    configs = _configs(study, conditions, settings, options)
    asked = {name: value for some in (settings, *conditions.values()) for name, value in some.items()}
    _check_read(asked, configs)
    _check_movies(options, configs)
    check_distributed(options, given, configs)
    check_until(options, given)
    return Command(configs, options, frozenset() if "validation" in asked else frozenset(configs))


def _options(given: Mapping[str, Any]) -> Options:
    options = Options(**{name: value for name, value in given.items() if name in _OPTIONS})
    for field in OPTION_FIELDS:
        check_field(field, getattr(options, field.name))
    if options.lanes != "auto" and not (options.lanes.isdecimal() and 0 < int(options.lanes) <= MOST_LANES):
        raise ConfigError(f"--lanes={options.lanes} is neither auto nor a number from 1 to {MOST_LANES}")
    if options.json and options.quiet:
        raise ConfigError("--json and --quiet ask for opposite things; leave one of them out")
    engine_parameters(options)
    return options


def _configs(
    study: str, conditions: Conditions, given: Mapping[str, Any], options: Options
) -> tuple[Config, ...]:
    """Every condition with every seed, a run that two of them share once."""
    runs: dict[str, Config] = {}
    first_seed = given.get("seed", Config.seed)
    for seed in range(first_seed, first_seed + options.seeds):
        for settings in conditions.values():
            for name in settings.keys() & given.keys():
                ways = (f"--{way}={text}" for way in ("sweep", "vary") if (text := getattr(options, way)))
                raise ConfigError(f"--{name}={given[name]}: {next(ways, '--vary')} gives that itself")
            config = _resolved(study, {**given, **settings, "seed": seed})
            runs.setdefault(run_id(config), config)
    return tuple(runs.values())


def _resolved(study: str, settings: Mapping[str, Any]) -> Config:
    try:
        return resolve(configured(study, settings))
    except ConfigError as error:
        named = re.match(r"--(?:no)?(\w+)", str(error))
        if named and named[1] in _SETTINGS - settings.keys():
            raise ConfigError(f"{error}; --{named[1]} is the default of {study}, so give another") from None
        raise


def _check_read(asked: Mapping[str, Any], configs: Sequence[Config]) -> None:
    """Refuses settings of networks that no run has, which would change nothing but the runs' names."""
    networks = {config.model for config in configs}
    for name, value in asked.items():
        owners = [one.name for one in ARCHITECTURES.values() if name in one.own_settings]
        if owners and not networks.intersection(owners):
            flag = f"--{name}" if value is True else f"--{name}={value}"
            models = " and ".join(f"--model={network}" for network in sorted(networks))
            raise ConfigError(f"{flag} is not read with {models}: it is a setting of {', '.join(owners)}")


def _check_movies(options: Options, configs: Sequence[Config]) -> None:
    for name, text in (("movie", options.movie), ("weight_movie", options.weight_movie)):
        if not text:
            continue
        path, flag = expanded(text), f"--{name}={text}"
        if len(configs) > 1:
            raise ConfigError(f"{flag} shows one run, and this command makes {len(configs)}")
        if DYING not in chosen_probes(configs[0].probes):
            raise ConfigError(f"{flag} frames the units that --probes=dying counts, not {configs[0].probes}")
        if options.engine != "processes":
            raise ConfigError(f"{flag} is made by this process alone, not with --engine={options.engine}")
        if path.suffix not in _MOVIE_SUFFIXES:
            raise ConfigError(f"{flag} does not end in one of {', '.join(_MOVIE_SUFFIXES)}")
        if path.suffix == ".mp4" and not importlib.util.find_spec("imageio_ffmpeg"):
            raise ConfigError(f"{flag}: an .mp4 needs the package imageio-ffmpeg; .gif and .webp do not")
        if not path.parent.is_dir():
            raise ConfigError(f"{flag}: the folder {path.parent} does not exist")
