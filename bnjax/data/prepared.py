"""Sets that TensorFlow Datasets has prepared as array_record, read without TensorFlow."""

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from bnjax.data.cache import cached, fingerprint
from bnjax.data.image_set import DataError, Dataset, ImageSet, check_memory

_NAME = re.compile(r"\w+(/[\w-][\w.-]*)?(:\d+\.\d+\.\d+)?")
_READ_AT_ONCE = 1000  # examples; reading in batches is about twice as fast as one by one


def find_prepared(name: str, data_dir: Path) -> Path | None:
    """The folder of a set's newest prepared version below ``data_dir``, or None.

    Args:
      name: as TFDS writes it: ``cifar10``, ``emnist/letters``, ``cifar10:3.0.2``.

    Raises:
      DataError: it is not written so; a path or a pattern would find what nobody asked for.
    """
    if not _NAME.fullmatch(name):
        raise DataError(
            f"--dataset={name!r} is neither a name such as cifar10, emnist/letters or cifar10:3.0.2 "
            "nor folder:PATH"
        )
    path, _, version = name.partition(":")
    versions = sorted(
        (info.parent for info in data_dir.glob(f"{path}/{version or '*'}/dataset_info.json")),
        key=lambda folder: [int(part) if part.isdigit() else -1 for part in folder.name.split(".")],
    )
    return versions[-1] if versions else None


def load_prepared(folder: Path, name: str, data_dir: Path) -> Dataset:
    """All images of a prepared set, from the cache where they were decoded before.

    Raises:
      DataError: prepared as TFRECORD, damaged, not image classification, or without a fixed image size.
    """
    _check_format(folder, name, data_dir)
    records = list(folder.glob("*.array_record*"))
    if not records:
        raise DataError(f"{folder} holds no array_record files; {prepare_hint(name, data_dir)}")
    key = f"{folder.parent.name}-{folder.name}-{fingerprint(records)}"
    return cached(key, lambda: _decode(folder))


def _check_format(folder: Path, name: str, data_dir: Path) -> None:
    try:
        info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
        file_format = info.get("fileFormat", "tfrecord")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(
            f"{folder / 'dataset_info.json'} is damaged ({error}); prepare the set anew"
        ) from None
    if file_format != "array_record":
        raise DataError(f"{folder} is prepared as {str(file_format).upper()}; {prepare_hint(name, data_dir)}")


def prepare_hint(name: str, data_dir: Path) -> str:
    """How a user prepares a TFDS set as array_record."""
    return (
        "prepare it once where TensorFlow is installed: pip install tensorflow importlib_resources && "
        "python -c "
        f"\"import tensorflow_datasets as tfds; tfds.builder('{name}', data_dir='{data_dir}', "
        "file_format='array_record').download_and_prepare()\""
    )


def _decode(folder: Path) -> Dataset:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(str(folder))
        image, label = _feature_names(builder.info, folder)
        test = next((s for s in ("test", "validation") if s in builder.info.splits), None)
        if "train" not in builder.info.splits or test is None:
            splits = ", ".join(builder.info.splits)
            raise DataError(f"{folder} has the splits {splits}; train and test (or validation) are needed")
        train_set = _read_split(builder, "train", image, label)
        test_set = _read_split(builder, test, image, label)
        encoding = _encoding(builder, image)
    except DataError:
        raise
    except Exception as error:
        # array_record, protobuf and Pillow each raise their own kinds, plain RuntimeError among them.
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{folder} is damaged or unreadable ({type(error).__name__}: {reason}); prepare it anew"
        ) from error
    facts = {
        "name": builder.info.name,
        "version": str(builder.info.version),
        "source": "tfds array_record",
        "encoding": encoding,
        "test_split": test,
    }
    classes = builder.info.features[label].num_classes
    return Dataset(train_set, test_set, classes, facts).check(str(folder))


def _feature_names(info: Any, folder: Path) -> tuple[str, str]:
    names = {type(feature).__name__: name for name, feature in reversed(info.features.items())}
    if "Image" not in names or "ClassLabel" not in names:
        raise DataError(f"{folder} is not image classification: its features are {', '.join(info.features)}")
    shape = info.features[names["Image"]].shape
    if None in shape:
        raise DataError(
            f"{folder} has images of several sizes {shape}; only sets of one size are read so far"
        )
    check_memory(str(folder), math.prod(shape) * sum(split.num_examples for split in info.splits.values()))
    return names["Image"], names["ClassLabel"]


def _read_split(builder: Any, split: str, image: str, label: str) -> ImageSet:
    import tensorflow_datasets as tfds

    # Pillow on the raw bytes takes two thirds of the time of TFDS's own decoding.
    source = builder.as_data_source(split, decoders={image: tfds.decode.SkipDecoding()})
    stored = _stored_examples(builder.info.splits[split].filepaths)
    if stored != len(source):
        raise ValueError(f"split {split}: {stored} examples where dataset_info.json tells of {len(source)}")
    shape = builder.info.features[image].shape
    images = np.empty((len(source), *shape), np.uint8)
    labels = np.empty(len(source), np.int32)
    # disable=None: a bar where a person looks on, nothing elsewhere
    for start in tqdm(range(0, len(source), _READ_AT_ONCE), f"decoding {split}", leave=False, disable=None):
        wanted = range(start, min(start + _READ_AT_ONCE, len(source)))
        for position, example in zip(wanted, source.__getitems__(wanted), strict=True):
            images[position] = _pixels(example[image], shape)
            labels[position] = example[label]
    return ImageSet(images, labels)


def _stored_examples(files: list[Any]) -> int:
    from array_record.python.array_record_module import ArrayRecordReader

    readers = [ArrayRecordReader(str(file)) for file in files]
    count = sum(reader.num_records() for reader in readers)
    for reader in readers:
        reader.close()
    return count


def _pixels(encoded: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    image = Image.open(io.BytesIO(encoded))
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[shape[-1]]
    return np.asarray(image if image.mode == mode else image.convert(mode)).reshape(shape)


def _encoding(builder: Any, image: str) -> str:
    """How the images are stored: lossy JPEG has to be told beside results."""
    import tensorflow_datasets as tfds

    source = builder.as_data_source("train", decoders={image: tfds.decode.SkipDecoding()})
    start = source[0][image][:4]
    return "jpeg (lossy)" if start[:2] == b"\xff\xd8" else "png" if start[1:4] == b"PNG" else "other"
