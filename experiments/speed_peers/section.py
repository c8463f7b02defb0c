"""Training steps beside other libraries', as a section of the report."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from bnjax.report.page.document import PageFigure, Section, Table, TableCell, number, text
from speed_peers.figure import speed_picture
from speed_peers.measurements import (
    SpeedResults,
    contestant_name,
    is_fine_tuned,
    measured,
    network_title,
    significant,
)

_IMAGES = {"random": "random images", "digits": "digits"}
_COLUMNS = (
    "contestant",
    "precision",
    "ms per step",
    "least",
    "most",
    "time over bnjax's",
    "least ratio",
    "most ratio",
    "images per second",
    "of the matrix product, %",
    "evaluation, images per second",
    "first step, s",
    "peak memory, MiB",
    "seconds per epoch",
    "epoch over bnjax's",
)
_SWEEPS = "A small sweep over placements"
_SWEEP_COLUMNS = ("contestant", "network", "precision", "runs", "seconds", "time over bnjax's")
_SWEEP_NOTE = (
    "Whole programs, measured once, start-up and compilation included: runs of one epoch on the digits that "
    "differ in where norms stand, bnjax's as one sweep, others' one after another in one process."
)
_NOTE = (
    "Medians of the rounds, least and most of them beside; contestants took turns. Ratios are of the same "
    "round: above 1, bnjax is faster. Where it was measured several times, medians are those of the "
    "measurements' medians. The matrix product is the faster one of JAX and PyTorch in the same "
    "precision and round; operations are those of convolutions and dense layers. The first step counts "
    "from the start of the process, import and compilation included."
)


def speed_section(results: SpeedResults, pictures: bool = True) -> Section:
    """A table for each network, one of small sweeps, and one picture of all networks.

    Args:
      pictures: whether to draw.
    """
    drawn: list[PageFigure] = []
    if pictures and results.networks():
        drawn = [speed_picture(results)]
    tables = [_table(records, results.of_kind("absent")) for records in results.networks().values()]
    sweeps = results.of_kind("sweep")
    if sweeps:
        tables.append(Table(_SWEEPS, _SWEEP_COLUMNS, [_sweep_row(record) for record in sweeps], _SWEEP_NOTE))
    return Section("speed", "Speed beside other libraries", measured(results), tables, drawn)


def _table(records: Sequence[Mapping[str, Any]], absent: Sequence[Mapping[str, Any]]) -> Table:
    first = records[0]
    rounds = sorted(set(map(_rounds, records)))
    title = f"{network_title(first)}, {first['parameters']:,} parameters, {' and '.join(rounds)}"
    out = [
        f"{contestant_name(record)}, {record['precision']} ({record['status']}: {record['reason']})"
        for record in absent
        if (record["network"], is_fine_tuned(record)) == (first["network"], is_fine_tuned(first))
    ]
    epochs = sorted(
        {
            f"{r['epoch_images']:,} {_IMAGES.get(r['epoch_data'], r['epoch_data'])}"
            for r in records
            if r["epoch_data"]
        }
    )
    notes = [_NOTE]
    if epochs:
        notes.append(
            f"An epoch has {' or '.join(epochs)}, shuffled, by each one's usual way of feeding them."
        )
    if out:
        notes.append(f"Left out: {'; '.join(out)}.")
    return Table(title, _COLUMNS, [_row(record) for record in records], " ".join(notes))


def _rounds(record: Mapping[str, Any]) -> str:
    times = record["repetitions"]
    again = f", {times} times" if times > 1 else ""
    return f"{record['rounds']} rounds of {record['steps']} steps{again}"


def _row(record: Mapping[str, Any]) -> list[TableCell]:
    return [
        text(contestant_name(record)),
        text(record["precision"]),
        *_spread_cells(record["step_ms"], significant),
        *_spread_cells(record["ratio"], "{:.2f}".format),
        number(record["images_per_second"], ",.0f"),
        number(100 * record["of_product"]["median"] if record["of_product"] else None, ".1f"),
        number(record["evaluation_images_per_second"], ",.0f"),
        number(record["first_step_seconds"], ".1f"),
        number(record["peak_memory_mib"], ",.0f"),
        _spread_cells(record["epoch_seconds"], partial(significant, digits=3))[0],
        _spread_cells(record["epoch_ratio"], "{:.2f}".format)[0],
    ]


def _sweep_row(record: Mapping[str, Any]) -> list[TableCell]:
    return [
        text(contestant_name(record)),
        text(network_title(record)),
        text(record["precision"]),
        number(record["runs"]),
        number(record["seconds"], ".1f"),
        number(record["ratio"], ".2f"),
    ]


def _spread_cells(spread: Mapping[str, float] | None, shown: Callable[[float], str]) -> list[TableCell]:
    if not spread:
        return [number(None)] * 3
    return [TableCell(shown(spread[name]), spread[name]) for name in ("median", "min", "max")]
