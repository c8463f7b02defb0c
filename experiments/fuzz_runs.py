"""Damages the records of whole runs in every way that disks, editors and later versions may."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Record = dict[str, Any]
#: What no field of numbers may be, but for those that may be null.
_OTHER_TYPES: tuple[Any, ...] = ("x", "0.5", True, [], {}, [1], {"a": 1}, None)
_TOO_LARGE = 10**400


def damaged(run: list[Record], other: list[Record], choose: random.Random) -> bytes:
    """A run's file with one to three things wrong, or none that matters.

    Args:
      run: its records; they stay as they are.
      other: those of another run, of which some may get among them.
    """
    found = copy.deepcopy(run)
    for _ in range(choose.choice((0, 1, 1, 2))):
        choose.choice(_OF_RECORDS)(found, other, choose)
    if choose.random() < 0.1:
        record_an_epoch_again(found, choose)
    lines = [json.dumps(record).encode() for record in found]
    if choose.random() < 0.1 and lines:
        double_a_field(lines, choose)
    return choose.choice(_OF_FILES)(lines, choose) if choose.random() < 0.5 else _joined(lines)


def _joined(lines: list[bytes], end: bytes = b"\n") -> bytes:
    return b"".join(line + end for line in lines)


def _objects(record: Record) -> Iterator[Record]:
    """A record and all objects within it."""
    yield record
    for value in record.values():
        if isinstance(value, dict):
            yield from _objects(value)


def _place(found: list[Record], choose: random.Random) -> tuple[Record, str] | None:
    filled = [item for item in _objects(choose.choice(found)) if item] if found else []
    if not filled:
        return None
    item = choose.choice(filled)
    return item, choose.choice(list(item))


def drop_field(found: list[Record], other: list[Record], choose: random.Random) -> None:
    if place := _place(found, choose):
        del place[0][place[1]]


def change_type(found: list[Record], other: list[Record], choose: random.Random) -> None:
    if place := _place(found, choose):
        item, name = place
        item[name] = choose.choice([v for v in _OTHER_TYPES if type(v) is not type(item[name])])


def leave_range(found: list[Record], other: list[Record], choose: random.Random) -> None:
    if not (place := _place(found, choose)):
        return
    item, name = place
    if name in ("epoch", "epochs"):
        item[name] = choose.choice((-1, 0, _TOO_LARGE, 10**9))
    elif "accuracy" in name or name in ("lowest", "median", "perfect", "active"):
        item[name] = choose.choice((97.5, -0.5, 1.01, float("nan"), _TOO_LARGE))
    elif name in ("silent", "flat"):
        item[name] = choose.choice((-1, 10**9, _TOO_LARGE))
    elif name in ("status", "run_id", "kind", "schema", "seed", "placement", "model"):
        item[name] = choose.choice(("great", "", 2, "\x00", "a\nb", "\udce9"))
    else:
        item[name] = choose.choice((-5.0, float("inf"), float("nan"), _TOO_LARGE, -_TOO_LARGE))


def add_later_field(found: list[Record], other: list[Record], choose: random.Random) -> None:
    if place := _place(found, choose):
        place[0][choose.choice(("colour", "zebra\n", "\udce9", ""))] = choose.choice(
            (1, "x", None, {"a": []})
        )


def lose_a_line(found: list[Record], other: list[Record], choose: random.Random) -> None:
    if found:
        del found[choose.randrange(len(found))]


def lose_the_end(found: list[Record], other: list[Record], choose: random.Random) -> None:
    del found[choose.randrange(len(found) + 1) :]


def repeat_a_line(found: list[Record], other: list[Record], choose: random.Random) -> None:
    if found:
        place = choose.randrange(len(found))
        found.insert(choose.randrange(len(found) + 1), copy.deepcopy(found[place]))


def record_an_epoch_again(found: list[Record], choose: random.Random) -> None:
    """With other numbers, behind the first time: nothing would tell them apart if that were lost."""
    places = [i for i, record in enumerate(found) if isinstance(record.get("test_accuracy"), float)]
    if places:
        place = choose.choice(places)
        again = {**found[place], "test_accuracy": found[place]["test_accuracy"] / 2}
        found.insert(choose.randrange(place + 1, len(found) + 1), again)


def swap_lines(found: list[Record], other: list[Record], choose: random.Random) -> None:
    if len(found) > 1:
        a, b = choose.sample(range(len(found)), 2)
        found[a], found[b] = found[b], found[a]


def reverse_lines(found: list[Record], other: list[Record], choose: random.Random) -> None:
    found.reverse()


def append_to_itself(found: list[Record], other: list[Record], choose: random.Random) -> None:
    found += copy.deepcopy(found)


def mix_in_another_run(found: list[Record], other: list[Record], choose: random.Random) -> None:
    for record in copy.deepcopy(choose.sample(other, min(len(other), choose.randint(1, 3)))):
        found.insert(choose.randrange(len(found) + 1), record)


def rename_the_run(found: list[Record], other: list[Record], choose: random.Random) -> None:
    whole = choose.random() < 0.5
    for record in found if whole else choose.sample(found, min(len(found), 1)):
        record["run_id"] = other[0]["run_id"]


def double_a_field(lines: list[bytes], choose: random.Random) -> None:
    """An object that says a field twice, with another value before or behind."""
    place = choose.randrange(len(lines))
    line = lines[place]
    lines[place] = choose.choice(
        (
            line.replace(b"{", b'{"test_accuracy": 0.25, "seed": 7, "flat": 0, ', 1),
            line[:-1] + b', "epoch": 1}',
        )
    )


def _torn(lines: list[bytes], choose: random.Random) -> bytes:
    whole = _joined(lines)
    return whole[: choose.randrange(len(whole) + 1)]


def _with_blanks(lines: list[bytes], choose: random.Random) -> bytes:
    return b"".join(line + choose.choice((b"\n", b"\n\n", b"  \n", b"\n \t\n")) for line in lines)


def _with_rubbish(lines: list[bytes], choose: random.Random) -> bytes:
    rubbish = (b"null", b"[1]", b"\xff\xfe", bytes(64), b"{}", b"[" * 20_000, b"9" * 5000, b'{"kind": []}')
    found = list(lines)
    found.insert(choose.randrange(len(found) + 1), choose.choice(rubbish))
    return _joined(found)


_OF_RECORDS: tuple[Callable[[list[Record], list[Record], random.Random], None], ...] = (
    *(drop_field, change_type, leave_range) * 4,
    *(add_later_field, lose_a_line, lose_the_end, repeat_a_line, swap_lines) * 2,
    *(reverse_lines, append_to_itself, mix_in_another_run, rename_the_run),
)
_OF_FILES: tuple[Callable[[list[bytes], random.Random], bytes], ...] = (
    _torn,
    _with_blanks,
    _with_rubbish,
    lambda lines, choose: _joined(lines)[:-1],
    lambda lines, choose: _joined(lines, b"\r"),
    lambda lines, choose: _joined(lines, b"\r\n"),
    lambda lines, choose: b"\xef\xbb\xbf" + _joined(lines),
    lambda lines, choose: _joined(lines).decode().encode(choose.choice(("utf-16", "utf-16-be", "utf-32"))),
    lambda lines, choose: _joined(lines) + bytes(choose.randint(1, 4096)),
    lambda lines, choose: b"",
)
