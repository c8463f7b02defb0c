"""Lanes of one program against runs one at a time: from flags to a table and JSON lines."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from absl import flags
from speed_peers.contest import say
from speed_peers.emitter import emitter
from speed_peers.networks import ARCHITECTURES

from bnjax.flags import complain

ABOUT = """\
Measures training throughput, summed over runs, of lanes side by side and of single runs.

  python {program}                                   every network, 1 to 64 lanes, both precisions
  python {program} --networks=mlp --lanes=1,4        takes a minute on a CPU
  python {program} --out=lanes.jsonl                 keeps the records

The contestants of a network take turns. "to solo" is the throughput over that of single runs in the same
round, the median of all rounds; "of product" the part of the rate of a large matrix product in the same
precision. Tables go to stderr, JSON lines to stdout. What does not fit into memory is said to.
Exit codes: 0 done, 2 wrong usage.
"""
_HELP_FLAGS = {"--help", "-help", "-h", "--helpshort", "--helpfull"}
_PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Options:
    """What to measure. A ``batch_size`` of 0 is each network's own."""

    networks: tuple[str, ...]
    lanes: tuple[int, ...]
    precisions: tuple[str, ...]
    rounds: int
    steps: int
    batch_size: int
    out: str


def main(argv: list[str]) -> int:
    options = _options(argv)
    with contextlib.ExitStack() as stack:
        emit = emitter(options.out, argv[0], stack)
        from bnjax.train.backend import configure_backend

        configure_backend()
        from speed_peers.lanes import measure, product_rate

        for precision in options.precisions:
            rate = product_rate(precision)
            emit(rate)
            say(f"\n{precision} matrix product: {rate['tflops']:.4g} TFLOP/s on {rate['device']}")
            for network in options.networks:
                found = measure(
                    network,
                    precision,
                    options.lanes,
                    options.rounds,
                    options.steps,
                    options.batch_size or ARCHITECTURES[network].batch_size,
                    rate["tflops"],
                )
                for record in found:
                    emit(record)
                say(_table(network, precision, found))
    return 0


def _options(argv: Sequence[str]) -> Options:
    values = flags.FlagValues()
    lists = {
        "networks": (tuple(ARCHITECTURES), tuple(ARCHITECTURES), "Networks."),
        "precisions": (_PRECISIONS, _PRECISIONS, "Precisions."),
    }
    for name, (default, choices, about) in lists.items():
        flags.DEFINE_list(name, list(default), f"{about} Among {', '.join(choices)}.", flag_values=values)
    flags.DEFINE_list("lanes", ["1", "4", "16", "64"], "How many runs side by side.", flag_values=values)
    for name, default, lowest, about in (
        ("rounds", 5, 1, "Turns of each contestant."),
        ("steps", 20, 1, "Steps in a turn."),
        ("batch_size", 0, 0, "Images in a step; 0: 128, and 100 for mlp."),
    ):
        flags.DEFINE_integer(name, default, about, lower_bound=lowest, flag_values=values)
    flags.DEFINE_string("out", "", "File for the JSON lines that also go to stdout.", flag_values=values)
    if _HELP_FLAGS.intersection(argv[1:]):
        print(ABOUT.format(program=argv[0]))
        for name in Options.__dataclass_fields__:
            print(f"  --{name}=...  {values[name].help} (default {values[name].default!r})")
        raise SystemExit(0)
    try:
        rest = values(list(argv))[1:]
    except flags.Error as error:
        complain(argv[0], str(error))
    if rest:
        complain(argv[0], f"{rest[0]!r} is not a flag; flags are written --name=value")
    given = {name: values[name].value for name in Options.__dataclass_fields__}
    for name, (_, choices, _) in lists.items():
        unknown = [value for value in given[name] if value not in choices]
        if unknown or not given[name]:
            complain(argv[0], f"--{name}={','.join(given[name])} is not among {', '.join(choices)}")
        given[name] = tuple(given[name])
    if not all(text.isdecimal() and int(text) for text in given["lanes"]):
        complain(argv[0], f"--lanes={','.join(given['lanes'])} are not numbers from 1, such as 1,4,16")
    given["lanes"] = tuple(int(text) for text in given["lanes"])
    return Options(**given)


def _table(network: str, precision: str, found: Sequence[dict]) -> str:
    first = found[0]
    title = (
        f"{network}, {precision}: batch {first['batch_size']}, rounds of {first['steps']} steps: "
        f"{first['rounds']}, {first['device']}"
    )
    row = "  {:<12}{:>12}{:>10}{:>12}{:>12}"
    lines = ["", title, row.format("runs", "images/s", "to solo", "of product", "compiling")]
    for record in found:
        name = "solo" if record["lanes"] is None else f"{record['lanes']} lanes"
        if record["failure"]:
            lines.append(f"  {name:<12}{record['failure']}")
            continue
        lines.append(
            row.format(
                name,
                f"{record['images_per_second']:.0f}",
                f"{record['to_solo']:.2f}",
                f"{record['of_product']:.3f}",
                f"{record['compile_seconds']:.1f} s",
            )
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
