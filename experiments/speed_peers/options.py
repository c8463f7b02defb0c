"""The flags of ``experiments/speed.py``. Imports no library that takes part."""

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from absl import flags

from bnjax.flags import complain
from speed_peers.contestants import CONTESTANTS
from speed_peers.networks import (
    ARCHITECTURES,
    DEFAULT_NETWORKS,
    FROZEN_LAYERS,
    FROZEN_NETWORK,
    HEAD_WIDTH,
    size_obstacle,
)
from speed_peers.processes import available_cores

_HELP_FLAGS = {"--help", "-help", "-h", "--helpshort", "--helpfull"}


@dataclass(frozen=True)
class Options:
    """What to measure: the flags, checked. A ``batch_size`` or ``image_size`` of 0 is each network's own."""

    networks: tuple[str, ...]
    contestants: tuple[str, ...]
    rounds: int
    steps: int
    batch_size: int
    image_size: int
    frozen: bool
    threads: int
    out: str


def options_from_flags(argv: Sequence[str], about: str) -> Options:
    """The options of a command line.

    Args:
      argv: the program's name and its arguments.
      about: what the program does, for the help.

    Raises:
      SystemExit: with 0 after printing the help, with 2 after one line on stderr that says what is
        wrong with the command line.
    """
    values = _defined_flags()
    if _HELP_FLAGS.intersection(argv[1:]):
        print(_help_text(about.format(program=argv[0]), values))
        raise SystemExit(0)
    try:
        rest = values(list(argv))[1:]
    except flags.Error as error:
        complain(argv[0], str(error))
    if rest:
        complain(argv[0], f"{rest[0]!r} is not a flag; flags are written --name=value")
    given: dict[str, Any] = {name: values[name].value for name in Options.__dataclass_fields__}
    for name, choices in (("networks", ARCHITECTURES), ("contestants", CONTESTANTS)):
        given[name] = tuple(dict.fromkeys(given[name] or [""]))
        unknown = [value for value in given[name] if value not in choices]
        if unknown:
            complain(argv[0], f"--{name}: {unknown[0]!r} is not one of {', '.join(choices)}")
    if given["frozen"] and given["networks"] != (FROZEN_NETWORK,):
        complain(argv[0], f"--frozen is of {FROZEN_NETWORK} alone; add --networks={FROZEN_NETWORK}")
    for network in given["networks"]:
        obstacle = size_obstacle(network, given["image_size"])
        if obstacle:
            complain(argv[0], f"--image_size={given['image_size']}: {obstacle}")
    return Options(**given)


def _defined_flags() -> flags.FlagValues:
    values, cores = flags.FlagValues(), available_cores()
    flags.DEFINE_list(
        "networks",
        list(DEFAULT_NETWORKS),
        f"Among {', '.join(ARCHITECTURES)}; the last takes everyone minutes to compile.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "contestants",
        list(CONTESTANTS),
        f"In the order of their turns, among {', '.join(CONTESTANTS)}. One that is not installed is skipped.",
        flag_values=values,
    )
    numbers = {
        "rounds": (5, 1, None, "Turns of each contestant at each network."),
        "steps": (3, 1, None, "Timed steps in a turn, after untimed ones; mlp takes 50 times as many."),
        "batch_size": (
            0,
            0,
            None,
            "Images in a step; 0: 128, 100 for mlp, 32 for mobilenetv2 and inceptionv3.",
        ),
        "image_size": (
            *(0, 0, 1024),
            "Side in pixels of the images of mobilenetv2 (multiples of 32) and inceptionv3 (from 75); 0: 96 "
            "and 139. The others have their own.",
        ),
        "threads": (cores, 1, cores, "CPU cores to use; the default is all that this process may use."),
    }
    for name, (default, lowest, highest, about) in numbers.items():
        flags.DEFINE_integer(
            name, default, about, lower_bound=lowest, upper_bound=highest, flag_values=values
        )
    flags.DEFINE_boolean(
        "frozen",
        False,
        f"Fine-tunes {FROZEN_NETWORK} as published, bnjax and Keras alone: {FROZEN_LAYERS} layers of Keras's "
        f"do not train, norms there use their running statistics, and a dense layer of {HEAD_WIDTH} is new.",
        flag_values=values,
    )
    flags.DEFINE_string("out", "", "File for the JSON lines that also go to stdout.", flag_values=values)
    return values


def _help_text(about: str, values: flags.FlagValues) -> str:
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    indent = " " * 6
    wrapper = textwrap.TextWrapper(
        width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
    blocks = [about.strip(), ""]
    for name in Options.__dataclass_fields__:
        default = values[name].default
        shown = "all" if default == list(CONTESTANTS) else "none" if default == "" else default
        shown = ",".join(shown) if isinstance(shown, list) else shown
        blocks += [f"  --{name}=...", wrapper.fill(f"{values[name].help} (default {shown})")]
    return "\n".join(blocks)
