"""Input that is broken, or made to do harm: one line of answer, little time and memory, nothing else."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import fuzz
import fuzz_inputs
import fuzz_reports
import h5py
import numpy as np
import pytest
from PIL import Image
from starting import PATIENCE

from bnjax.data.picture import BadImageError, decode_picture, stored_pixels, strict_decoding
from bnjax.records import RecordError, read
from bnjax.weights.hdf5 import WeightsError, read_numbers, reading, stored_layers

pytestmark = pytest.mark.slow
MEGABYTE = 2**20


@pytest.mark.parametrize("kind", fuzz.SHARES)
def test_whatever_comes_is_accepted_or_answered_in_one_line(kind, tmp_path):
    assert fuzz.fuzz(kind, 300, tmp_path, same=True) >= 150


def test_damaged_runs_count_as_they_were_recorded_or_are_left_out_and_named(tmp_path):
    assert fuzz_reports.fuzz_reports(100, tmp_path) == 100


def test_a_wrong_number_in_a_report_is_seen(tmp_path):
    run = fuzz_reports.sample_runs()[0]
    other = json.loads(json.dumps(run))
    other[1]["test_accuracy"] /= 2
    path = fuzz_reports.write(tmp_path, run, fuzz_reports.as_written(other))
    with pytest.raises(fuzz_reports.WrongReportError, match="other numbers"):
        fuzz_reports.check_run(path, run)


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: subprocess.run(["true"], check=False),
        lambda path: os.system("true"),
        lambda path: pickle.loads(pickle.dumps(Path)),
        lambda path: path.with_name("elsewhere").write_text("x"),
    ],
    ids=["a program", "a shell", "a pickle", "a file elsewhere"],
)
def test_harm_is_seen(harm, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "may").write_text("x")
    with pytest.raises(fuzz.FoundError), fuzz.watched(inside):
        harm(inside)


def chunk(kind, content):
    """A part of a PNG."""
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, data=b"", extra=b""):
    """A PNG of 8-bit gray with any content."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


ZEROS = zlib.compress(bytes(128 * MEGABYTE), 9)
BOMBS = {
    "50,000 x 50,000 pixels": png(50_000, 50_000, ZEROS),
    "data behind the picture": png(4, 4, ZEROS),
    "a text": png(4, 4, extra=chunk(b"zTXt", b"a\0\0" + ZEROS)),
    "a colour profile": png(4, 4, extra=chunk(b"iCCP", b"a\0\0" + ZEROS)),
}
_MEMORY = """
import resource, sys
from bnjax.data.picture import BadImageError, decode_picture, stored_pixels, strict_decoding

def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

content, small = sys.stdin.buffer.read(), bytes.fromhex(sys.argv[1])
decode_picture(small, 8)
before = memory()
for decode in (lambda: decode_picture(content, 8), lambda: stored_pixels(content, (4, 4, 1))):
    try:
        with strict_decoding():
            decode()
    except BadImageError as error:
        assert len(str(error).splitlines()) <= 1
print(memory() - before)
"""


@pytest.mark.parametrize("content", BOMBS.values(), ids=BOMBS.keys())
def test_a_picture_that_unpacks_to_a_lot_needs_little_memory(content):
    assert len(content) < MEGABYTE
    command = [sys.executable, "-c", _MEMORY, small_png().hex()]
    done = subprocess.run(command, input=content, capture_output=True, timeout=PATIENCE, check=True)
    assert int(done.stdout) < 50 * 1024  # KiB


def small_png():
    content = io.BytesIO()
    Image.new("RGB", (8, 8)).save(content, "PNG")
    return content.getvalue()


def test_stored_pixels_of_another_size_are_refused_before_they_are_decoded(monkeypatch):
    content = io.BytesIO()
    Image.new("RGB", (300, 200)).save(content, "PNG")
    Image.init()  # a plugin of Pillow's decodes an image of its own when it is imported
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with strict_decoding(), pytest.raises(BadImageError, match="300x200 pixels instead of 8x8"):
        stored_pixels(content.getvalue(), (8, 8, 3))
    with pytest.raises(BadImageError):
        decode_picture(b"", 8)


def keras_file(path, **dataset):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"dense"]
        file.create_group("dense").attrs["weight_names"] = [b"kernel"]
        file["dense"].create_dataset("kernel", **dataset)


def read_all(path):
    with reading(path) as file:
        return [read_numbers(d, (3, 4)) for layer in stored_layers(file, ["dense"]) for d in layer.datasets]


HUGE = {
    "a shape": dict(shape=(10**9, 10**9), dtype="f4", chunks=(1000, 1000)),
    "parts": dict(shape=(3, 4), maxshape=(None, None), chunks=(2**15, 2**15), dtype="f4", compression="gzip"),
    "numbers": dict(shape=(3, 4), dtype="S100000"),
}


@pytest.mark.parametrize("dataset", HUGE.values(), ids=HUGE.keys())
def test_weights_that_declare_too_much_are_refused_unread(dataset, tmp_path, monkeypatch):
    keras_file(tmp_path / "w.h5", **dataset)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda *_: pytest.fail("read"))
    with pytest.raises(WeightsError):
        read_all(tmp_path / "w.h5")


def test_weights_that_are_whole_are_read_and_damaged_ones_named(tmp_path):
    path = tmp_path / "w.h5"
    keras_file(path, data=np.ones((3, 4), np.float32))
    assert read_all(path)[0].sum() == 12
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"w\.h5 cannot be read"):
        read_all(path)


def test_a_number_that_no_float_holds_is_no_record(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(fuzz_inputs.sample_records().replace(b"1.5", b"1e999"))
    with pytest.raises(RecordError, match="line 1: the number 1e999 is out of range"):
        read(path)
