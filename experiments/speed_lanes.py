"""Lanes of one program against runs one at a time: from flags to a table and JSON lines."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from speed_peers.arguments import count, counts, listed
from speed_peers.contest import say
from speed_peers.emitter import emitter
from speed_peers.networks import ARCHITECTURES, SMALL_NETWORKS

from bnjax.commands.parsing.usage import Parser

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


def main(argv: list[str]) -> int:
    options = _options(argv)
    emit = emitter(options.out, argv[0])
    from bnjax.process.backend import configure_backend

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


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    for name, choices in (("networks", SMALL_NETWORKS), ("precisions", ("float32", "bfloat16"))):
        parser.add_argument(
            f"--{name}",
            type=partial(listed, choices),
            default=choices,
            metavar="NAME,...",
            help=f"among {', '.join(choices)}; default all",
        )
    parser.add_argument(
        "--lanes", type=counts, default=(1, 4, 16, 64), metavar="N,...", help="default 1,4,16,64"
    )
    for name, default, about in (
        ("rounds", 5, "turns of each contestant"),
        ("steps", 20, "steps in a turn"),
        ("batch_size", None, "images in a step"),
    ):
        shown = default or "128, and 100 for mlp"
        parser.add_argument(
            f"--{name}", type=count, default=default, metavar="N", help=f"{about}; default {shown}"
        )
    parser.add_argument("--out", default="", metavar="FILE", help="for the JSON lines that also go to stdout")
    return parser.parse_args(argv[1:])


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
                "-" if record["to_solo"] is None else f"{record['to_solo']:.2f}",
                f"{record['of_product']:.3f}",
                f"{record['compile_seconds']:.1f} s",
            )
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
