"""Sums, batch statistics and their gradients in float32 against float64: from flags to a table."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from speed_peers.arguments import counts

from bnjax.commands.parsing.usage import Parser

ABOUT = """\
Holds what bnjax adds up on a CPU in float32 against NumPy in float64: sums over rows, the batch statistics of
a norm, and its gradients, of dense layers [rows, features] and of images [rows / 100, 10, 10, features].

  python {program}                        10,000 to 10,000,000 rows; takes minutes and 3 GB
  python {program} --rows=10000,1000000   of these numbers of rows

Each number is measured in a process with the XLA flag that bnjax sets and in one without. The table on stdout
has the largest error, relative to the largest number.
Exit codes: 0 done, 1 a process failed, 2 wrong usage.
"""
_ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
_FEATURES = 4
_EPSILON = 1e-3
_PLAIN, _WITH_FLAG = "plain", "bnjax's flag"
#: Axes before the features.
_SHAPES = {"dense": (-1,), "images": (-1, 10, 10)}


def main(argv: list[str]) -> int:
    options = _options(argv)
    if options.measure:
        for record in measured(options.rows, options.measure):
            print(json.dumps(record), flush=True)
        return 0
    records = []
    for flags in (_PLAIN, _WITH_FLAG):
        child = _child(argv[0], options.rows, flags)
        if child.returncode:
            print(f"{argv[0]}: the process with XLA's flags {flags!r} failed", file=sys.stderr)
            return 1
        records += [json.loads(line) for line in child.stdout.splitlines()]
    print(table(records))
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = Parser(argv[0], ABOUT)
    parser.add_argument("--rows", type=_hundreds, default=_ROWS, help="Numbers of rows, multiples of 100.")
    parser.add_argument("--measure", choices=(_PLAIN, _WITH_FLAG), help=argparse.SUPPRESS)
    return parser.parse_args(argv[1:])


def _hundreds(text: str) -> tuple[int, ...]:
    rows = counts(text)
    for number in rows:
        if number % 100:
            raise argparse.ArgumentTypeError(f"{number} is not a multiple of 100")
    return rows


def _child(program: str, rows: Sequence[int], flags: str) -> subprocess.CompletedProcess[str]:
    """Measures in a process of its own: XLA reads its flags once."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""}
    command = [sys.executable, program, f"--rows={','.join(map(str, rows))}", f"--measure={flags}"]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)


def measured(rows: Sequence[int], flags: str) -> Iterator[dict[str, Any]]:
    """A record for each number of rows, with the largest relative errors."""
    if flags == _WITH_FLAG:
        from bnjax.process.backend import configure_backend

        configure_backend()
    given = os.environ["XLA_FLAGS"]
    for number in rows:
        x, dy, scale, bias = inputs(number)
        expected = in_float64(x, dy, scale, bias)
        for (layer, name), found in in_float32(x, dy, scale, bias):
            error = np.abs(found - expected[name]).max() / np.abs(expected[name]).max()
            yield dict(rows=number, flags=flags, given=given, layer=layer, name=name, error=float(error))


def inputs(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Inputs and gradients [rows, features] whose sums do not cancel; scale and bias [features]."""
    random = np.random.default_rng(0)
    x = random.normal(3, 1, (rows, _FEATURES)).astype(np.float32)
    dy = (random.normal(0.5, 1, x.shape) + 0.2 * x).astype(np.float32)
    return x, dy, np.linspace(0.5, 2, _FEATURES, dtype=np.float32), np.ones(_FEATURES, np.float32)


def in_float64(x: np.ndarray, dy: np.ndarray, scale: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """What is right, by the formulas of Ioffe and Szegedy (2015, section 3)."""
    x, dy = x.astype(np.float64), dy.astype(np.float64)
    mean, var = x.mean(0), x.var(0)
    normal = (x - mean) / np.sqrt(var + _EPSILON)
    dbias, dscale = dy.sum(0), (dy * normal).sum(0)
    dx = scale / np.sqrt(var + _EPSILON) * (dy - dbias / len(x) - normal * dscale / len(x))
    forward = {"sum": x.sum(0), "sum of all": x.sum(), "mean": mean, "var": var, "y": normal * scale + bias}
    return {**forward, "dx": dx, "dscale": dscale, "dbias": dbias}


def in_float32(
    x: np.ndarray, dy: np.ndarray, scale: np.ndarray, bias: np.ndarray
) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    """What bnjax makes of it: layer and name, and the numbers, rows one below the other."""
    import jax

    from bnjax.nn import batch_norm

    @jax.jit
    def computed(x: jax.Array, dy: jax.Array) -> dict[str, jax.Array]:
        def normalised(*arguments: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
            y, mean, var = batch_norm(*arguments, _EPSILON)
            return y, (mean, var)

        y, pull, (mean, var) = jax.vjp(normalised, x, scale, bias, has_aux=True)
        dx, dscale, dbias = pull(dy)
        sums = {"sum": x.sum(range(x.ndim - 1)), "sum of all": x.sum()}
        return {**sums, "mean": mean, "var": var, "y": y, "dx": dx, "dscale": dscale, "dbias": dbias}

    for layer, shape in _SHAPES.items():
        found = computed(x.reshape(*shape, _FEATURES), dy.reshape(*shape, _FEATURES))
        for name, numbers in found.items():
            flat = np.asarray(numbers)
            yield (layer, name), flat.reshape(-1, _FEATURES) if flat.ndim > 1 else flat


def table(records: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row for each number, a column for each count of rows, without the flag / with it."""
    errors = {(r["layer"], r["name"], r["rows"], r["flags"]): r["error"] for r in records}
    rows = list(dict.fromkeys(r["rows"] for r in records))
    lines = [
        "| layer | number |" + "".join(f" {count:,} rows |" for count in rows),
        "| --- | --- |" + " --- |" * len(rows),
    ]
    for layer, name in dict.fromkeys((r["layer"], r["name"]) for r in records):
        cells = (
            " / ".join(f"{errors[layer, name, count, flags]:.1e}" for flags in (_PLAIN, _WITH_FLAG))
            for count in rows
        )
        lines.append(f"| {layer} | {name} | {' | '.join(cells)} |")
    given = {r["given"] for r in records if r["flags"] == _WITH_FLAG}
    lines.append(f"\nLargest relative error, plain / with {' '.join(given) or 'no flag: none is set here'}.")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
