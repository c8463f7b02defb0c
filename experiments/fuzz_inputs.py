"""What fuzzing begins with: whole records, weights and images, ways to damage them, and command lines."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hypothesis import strategies as st
from PIL import Image

from bnjax import records
from bnjax.settings.config import FIELDS
from bnjax.settings.options import OPTION_FIELDS

_VALUES = "1 0 -1 1e999 nan inf true FALSE all none conv,dense a=1|2 {} [] 0x10 1_0 ٣"


def sample_records() -> bytes:
    """A small file as a run writes it."""
    examples: dict[type, Any] = {dict: {"a": 1.5}, int: 3, str: "done", float: 0.5, type(None): None}
    objects: dict[str, Any] = {
        "data": {"name": "digits", "version": "1", "encoding": "png", "share": 1.5},
        "versions": {"jax": "1", "flax": "2"},
        "device": {"kind": "cpu", "count": 1},
    }
    lines = []
    for kind, fields in records.SCHEMA.items():
        known = {name: objects.get(name, examples[types[0]]) for name, (types, _) in fields.items()}
        known |= {name: 0.5 for name in known if name.endswith("accuracy")}
        known["train_batch_accuracy"] = {}
        lines.append(records.json_line({**known, "schema": records.SCHEMA_VERSION, "kind": kind}))
    return "".join(lines).encode()


def sample_weights(path: Path) -> list[bytes]:
    """Small files in Keras's two formats."""
    found = []
    numbers = np.arange(12, dtype=np.float32).reshape(3, 4)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"conv2d", b"dense"]
        for name in ("conv2d", "dense"):
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel".encode()]
            group.create_dataset(f"{name}/kernel", data=numbers, compression="gzip")
    found.append(path.read_bytes())
    with h5py.File(path, "w") as file:
        for name in ("conv2d", "conv2d_1", "dense"):
            file.create_dataset(f"layers/{name}/vars/0", data=numbers)
    return [*found, path.read_bytes()]


def sample_images() -> list[bytes]:
    """The same picture in every format that is read."""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 14, 3), np.uint8)
    found = []
    for kind in ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF"):
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, kind)
        found.append(content.getvalue())
    return found


def damaged(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Some of a file's bytes changed, or parts of it cut out, doubled or put in from another one."""
    change = st.tuples(st.integers(0, 2**16), st.integers(1, 40), st.binary(max_size=8), st.integers(0, 3))

    def spoil(sample: bytes, changes: list[tuple[int, int, bytes, int]]) -> bytes:
        content = bytearray(sample)
        for place, length, new, how in changes:
            start = place % max(len(content), 1)
            part = content[start : start + length]
            content[start : start + (len(new) if how == 0 else length)] = (
                [new, b"", part * 2, new][how] if how else new
            )
        return bytes(content)

    return st.builds(spoil, st.sampled_from(list(samples)), st.lists(change, max_size=6))


def arguments() -> st.SearchStrategy[list[str]]:
    """Command lines of known flags with any values, and of anything."""
    names = [field.name for field in (*FIELDS, *OPTION_FIELDS) if field.name not in ("seeds", "epochs")]
    value = st.one_of(
        st.text(max_size=12),
        st.sampled_from(_VALUES.split()),
        st.integers().map(str),
        st.floats().map(str),
    )
    known = st.builds("--{}={}".format, st.sampled_from(names), value)
    anything = st.one_of(st.text(max_size=15), st.text(max_size=12).map("--{}".format))
    # A file of flags is read wherever it lies, as absl has it; here it would be a device that never ends.
    return st.lists(st.one_of(known, anything), max_size=4).filter(
        lambda given: not any("flagfile" in argument for argument in given)
    )
