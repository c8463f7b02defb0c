"""The products of a training step one by one, by bnjax and by PyTorch: which of them takes the time."""

import argparse
import collections
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from speed_peers.arguments import count, listed
from speed_peers.contest import Emit, say
from speed_peers.emitter import emitter
from speed_peers.machine import machine_record
from speed_peers.networks import ARCHITECTURES, SMALL_NETWORKS, Task, size_obstacle
from speed_peers.operations import PRODUCTS, Unit, network_units, unit_operations
from speed_peers.processes import available_cores

from bnjax.commands.parsing.usage import Parser, complain
from bnjax.process.huge_pages import start_with_huge_pages

ABOUT = """\
Times each convolution and each dense layer of a network alone: forward, the gradient of its input and that
of its kernel, in float32 on the CPU, by bnjax and by PyTorch (channels last).

  python {program}                           the small networks
  python {program} --networks=mobilenetv2    takes minutes to compile
  python {program} --out=layers.jsonl        keeps the records

Both take turns within one process and one round after the other; layers that are alike are timed once. A
step's sum leaves out the gradient of the first layer's input, which nobody needs. Tables go to stderr, JSON
lines to stdout.
Exit codes: 0 done, 1 PyTorch is not installed, 2 wrong usage.
"""
_PEERS = ("bnjax", "PyTorch")
#: Median milliseconds by peer and product.
Times = Mapping[tuple[str, str], float]


def main(argv: list[str]) -> int:
    options = _options(argv)
    os.environ["JAX_PLATFORMS"] = "cpu"
    start_with_huge_pages("speed_layers.py")
    emit = emitter(options.out, argv[0])
    from bnjax.process.backend import configure_backend

    configure_backend()
    try:
        import torch
    except ModuleNotFoundError as error:
        say(f"speed_layers.py: {error}")
        return 1
    torch.set_num_threads(available_cores())
    emit(machine_record(available_cores()))
    for network in options.networks:
        size = options.batch_size or ARCHITECTURES[network].batch_size
        _measure(Task(network, size, available_cores(), options.image_size), options.rounds, emit)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument(
        "--networks",
        type=partial(listed, tuple(ARCHITECTURES)),
        default=SMALL_NETWORKS,
        metavar="NAME,...",
        help=f"among {', '.join(ARCHITECTURES)}; default {','.join(SMALL_NETWORKS)}",
    )
    for name, default, about in (
        ("rounds", 9, "turns of both at each layer; default 9"),
        ("batch_size", None, "images in a step; default 128, 100 for mlp, 32 for networks of photographs"),
        ("image_size", 0, "side of photographs in pixels; default 96 and 139"),
    ):
        parser.add_argument(f"--{name}", type=count, default=default, metavar="N", help=about)
    parser.add_argument("--out", default="", metavar="FILE", help="for the JSON lines that also go to stdout")
    options = parser.parse_args(argv[1:])
    for network in options.networks:
        obstacle = size_obstacle(network, options.image_size)
        if obstacle:
            complain(argv[0], f"--image_size={options.image_size}: {obstacle}")
    return options


def _measure(task: Task, rounds: int, emit: Emit) -> None:
    """Times a network's layers, those that are alike once, and tells each as soon as it is known."""
    say(_heading(task))
    units = network_units(task)
    sums: dict[tuple[str, str], float] = collections.defaultdict(float)
    operations: collections.Counter[str] = collections.Counter()
    for unit, times in collections.Counter(units).items():
        found = _timed(unit, task.batch_size, rounds)
        emit(_record(task, unit, times, found, rounds))
        of_unit = task.batch_size * unit_operations(unit)
        say(_row(_name(unit), times, found, dict.fromkeys(PRODUCTS, of_unit)))
        for product in PRODUCTS:
            needed = times - (unit == units[0] and product == "input gradient")
            operations[product] += needed * of_unit
            for peer in _PEERS:
                sums[peer, product] += needed * found[peer, product]
    say(_row("a step", 1, sums, operations))
    ours, theirs = (sum(sums[peer, product] for product in PRODUCTS) for peer in _PEERS)
    say(f"  together {ours:.4g} ms by bnjax, PyTorch's are {theirs / ours:.2f} of that")


def _timed(unit: Unit, batch_size: int, rounds: int) -> Times:
    """Median milliseconds of each product, the two taking turns."""
    from speed_peers.unit_products import bnjax_products, torch_products

    contestants = {
        (peer, name): product
        for peer, products in zip(
            _PEERS, (bnjax_products(unit, batch_size), torch_products(unit, batch_size)), strict=True
        )
        for name, product in products.items()
    }
    seconds: dict[tuple[str, str], list[float]] = {key: [] for key in contestants}
    for _ in range(rounds):
        for key, product in contestants.items():
            product()  # the other's work is still in the caches
            started = time.perf_counter()
            product()
            seconds[key].append(time.perf_counter() - started)
    return {key: 1000 * statistics.median(found) for key, found in seconds.items()}


def _name(unit: Unit) -> str:
    layer, shape = unit
    if layer.kind == "dense":
        return f"dense {shape[0]} to {layer.features}"
    window = "x".join(map(str, layer.window))
    channels = f"{shape[2]}" if layer.kind == "depthwise" else f"{shape[2]} to {layer.features}"
    stride = f" by {layer.stride}" if layer.stride > 1 else ""
    return f"{layer.kind} {window}{stride}, {channels}, {shape[0]} px"


def _heading(task: Task) -> str:
    cells = "".join(f"{name + ', ms':>32}" for name in PRODUCTS)
    return (
        f"\n{task.network}, batch {task.batch_size}, float32, {task.threads} cores; bnjax, PyTorch, "
        f"and their GFLOP/s:\n{'':40}{cells}"
    )


def _row(name: str, times: int, found: Times, operations: Mapping[str, int]) -> str:
    cells = []
    for product in PRODUCTS:
        ours, theirs = (found[peer, product] for peer in _PEERS)
        rates = (f"{operations[product] / ms / 1e6:.0f}" if ms else "-" for ms in (ours, theirs))
        cells.append(f"{ours:.3g}, {theirs:.3g} ({', '.join(rates)})")
    return f"  {name + (f' x{times}' if times > 1 else ''):38}" + "".join(f"{cell:>32}" for cell in cells)


def _record(task: Task, unit: Unit, times: int, found: Times, rounds: int) -> dict[str, Any]:
    layer, shape = unit
    return {
        "kind": "layer",
        "network": task.network,
        "layer": layer.kind,
        "input_shape": [task.batch_size, *shape],
        "features": layer.features,
        "window": list(layer.window),
        "stride": layer.stride,
        "padding": layer.padding,
        "times": times,
        "operations": task.batch_size * unit_operations(unit),
        "rounds": rounds,
        "milliseconds": {
            peer: {product: ms for (name, product), ms in found.items() if name == peer} for peer in _PEERS
        },
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv))
