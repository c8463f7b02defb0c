"""Kept results: the records of many runs in one compressed file, such as one for each study."""

import gzip
import itertools
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from bnjax.files import write_whole

#: What the names of such files end in.
SUFFIX = ".jsonl.gz"
_RUN_ID = re.compile(rb'"run_id": "([^"]*)"')


def read_kept(path: Path) -> Iterator[tuple[str, bytes]]:
    """Each run's id and lines, in the order of the file; the lines of a run stand together.

    Raises:
      OSError: the file cannot be read, or is damaged.
    """
    try:
        lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    except (EOFError, zlib.error) as error:
        raise OSError(0, f"damaged ({error})", str(path)) from None
    for run_id, group in itertools.groupby(lines, _run_id):
        yield run_id, b"".join(group)


def _run_id(line: bytes) -> str:
    match = _RUN_ID.search(line)
    return match[1].decode(errors="replace") if match else ""


def write_kept(path: Path, runs: Mapping[str, bytes]) -> None:
    """Puts runs into one file, by their ids; the same runs give the same bytes.

    Raises:
      OSError: it cannot be written; an older file is still there.
    """
    content = b"".join(runs[run_id] for run_id in sorted(runs))
    write_whole(path, gzip.compress(content, mtime=0))
