"""The flags of ``experiments/speed.py``. Imports no library that takes part."""

import shutil
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from absl import flags

from bnjax.commands.parsing.usage import complain
from speed_peers.contestants import CONTESTANTS
from speed_peers.networks import (
    ARCHITECTURES,
    DEFAULT_NETWORKS,
    EPOCH_DATA,
    FROZEN_LAYERS,
    FROZEN_NETWORK,
    HEAD_WIDTH,
    PRECISIONS,
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
    precisions: tuple[str, ...]
    frozen: bool
    epochs: int
    epoch_data: str
    epoch_steps: int
    sweep: int
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
    lists: dict[str, Collection[str]] = {
        "networks": ARCHITECTURES,
        "contestants": CONTESTANTS,
        "precisions": PRECISIONS,
    }
    for name, choices in lists.items():
        given[name] = tuple(dict.fromkeys(given[name] or [""]))
        unknown = [value for value in given[name] if value not in choices]
        if unknown:
            complain(argv[0], f"--{name}: {unknown[0]!r} is not one of {', '.join(choices)}")
    if obstacle := _obstacle(given, {name for name in given if values[name].present}):
        complain(argv[0], obstacle)
    return Options(**given)


def _obstacle(given: Mapping[str, Any], present: Collection[str]) -> str:
    """Why flags do not fit each other; empty where they do.

    Args:
      given: the value of each flag.
      present: those that stand on the command line, which must not be passed over in silence.
    """
    networks, size = given["networks"], given["image_size"]
    if given["frozen"] and networks != (FROZEN_NETWORK,):
        return f"--frozen is of {FROZEN_NETWORK} alone; add --networks={FROZEN_NETWORK}"
    if given["frozen"] and given["sweep"]:
        return f"--sweep={given['sweep']} trains whole networks, and --frozen a part of one"
    for name in ("epoch_data", "epoch_steps"):
        if name in present and not given["epochs"]:
            return f"--{name}={given[name]} says what epochs are, and --epochs=0 trains none"
    if "epoch_steps" in present and given["epoch_data"] != EPOCH_DATA[0]:
        return f"--epoch_steps={given['epoch_steps']}: an epoch of {given['epoch_data']} is all of them"
    if size and not any(ARCHITECTURES[network].side_multiple for network in networks):
        return f"--image_size={size}: the images of {', '.join(networks)} have a size of their own"
    obstacles = filter(None, (size_obstacle(network, size) for network in networks))
    return next((f"--image_size={size}: {obstacle}" for obstacle in obstacles), "")


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
    flags.DEFINE_list(
        "precisions",
        list(PRECISIONS[:1]),
        f"Among {', '.join(PRECISIONS)}, each a contest of its own. In bfloat16 parameters stay float32, and "
        "peers use what they have for that: Flax dtype, Keras mixed_bfloat16, PyTorch autocast.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "epoch_data",
        EPOCH_DATA[0],
        list(EPOCH_DATA),
        "What whole epochs are trained on: random images, or the digits, enlarged to each network's images.",
        flag_values=values,
    )
    numbers = {
        "epochs": (2, 0, None, "Timed epochs of each contestant at each network, after an untimed one."),
        "epoch_steps": (10, 1, None, "Batches of random images in an epoch; mlp takes 50 times as many."),
        "sweep": (
            *(0, 0, None),
            "So many placements are trained for an epoch of digits each, as whole programs: bnjax's --sweep, "
            "and each peer's models one after another in one process; 0: none. speed_grid.py does it for all "
            "64 placements of VGG7.",
        ),
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
