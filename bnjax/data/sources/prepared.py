"""Sets that TensorFlow Datasets has prepared as array_record, read without TensorFlow."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from bnjax.data.cache import cached, fingerprint
from bnjax.data.examples import RecordExamples
from bnjax.data.image_set import DataError, Dataset, Images, ImageSet
from bnjax.data.stream import (
    IN_MEMORY,
    ImageStream,
    ReadingOptions,
    centre_adaptation,
    stream_facts,
    stream_of,
)
from bnjax.process.bar import tqdm

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


def class_names(folder: Path) -> list[str]:
    """The names of a prepared set's classes in the order of their labels; none where they cannot be told."""
    files = list(folder.glob("*.labels.txt"))
    files = [folder / "label.labels.txt"] if folder / "label.labels.txt" in files else files
    return files[0].read_text(encoding="utf-8").splitlines() if len(files) == 1 else []


def load_prepared(folder: Path, name: str, data_dir: Path, side: int, reading: ReadingOptions) -> Dataset:
    """All images of a prepared set, from the cache where they were decoded before, or a stream of them.

    Args:
      side: in pixels, of the squares in RGB that images become which are larger or of several sizes.
      reading: whether into memory.

    Raises:
      DataError: prepared as TFRECORD, damaged, or not image classification.
    """
    examples = _check_format(folder, name, data_dir)
    records = list(folder.glob("*.array_record*"))
    if not records:
        raise DataError(f"{folder} holds no array_record files; {prepare_hint(name, data_dir)}")
    files = fingerprint(records)
    if reading.streams(examples * side * side * 3):
        return _read(folder, files, side, reading)
    key = f"{folder.parent.name}-{folder.name}-{files}-{side}"
    return cached(key, lambda: _read(folder, files, side, None))


def _check_format(folder: Path, name: str, data_dir: Path) -> int:
    """How many examples it has, if it can be read."""
    try:
        info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
        file_format = info.get("fileFormat", "tfrecord")
        count = sum(int(n) for split in info.get("splits", []) for n in split.get("shardLengths", []))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{folder / 'dataset_info.json'} is damaged ({error}); prepare the set anew"
        ) from None
    if file_format != "array_record":
        raise DataError(f"{folder} is prepared as {str(file_format).upper()}; {prepare_hint(name, data_dir)}")
    return count


def prepare_hint(name: str, data_dir: Path) -> str:
    """How a user prepares a TFDS set as array_record."""
    return (
        "prepare it once where TensorFlow is installed: pip install tensorflow importlib_resources && "
        "python -c "
        f"\"import tensorflow_datasets as tfds; tfds.builder('{name}', data_dir='{data_dir}', "
        "file_format='array_record').download_and_prepare()\""
    )


def _read(folder: Path, files: str, side: int, reading: ReadingOptions | None) -> Dataset:
    """Into memory where no way of streaming is given."""
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(str(folder))
        image, label = _feature_names(builder.info, folder)
        shape = builder.info.features[image].shape
        classes = builder.info.features[label].num_classes
        scaled = None in shape or max(shape[:2]) > side
        test = next((s for s in ("test", "validation") if s in builder.info.splits), None)
        if "train" not in builder.info.splits or test is None:
            splits = ", ".join(builder.info.splits)
            raise DataError(f"{folder} has the splits {splits}; train and test (or validation) are needed")
        parts: list[Images] = []
        for split in ("train", test):
            examples = RecordExamples(folder, split, image, label, classes, files)
            _check_count(builder, split, len(examples))
            stream = stream_of(examples, side, reading or IN_MEMORY, None if scaled else shape)
            parts.append(stream if reading else _decoded(stream, split))
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
        **({"adaptation": centre_adaptation(side)} if scaled else {}),
        **(stream_facts(reading) if reading else {}),
    }
    return Dataset(parts[0], parts[1], classes, facts).check(str(folder))


def _feature_names(info: Any, folder: Path) -> tuple[str, str]:
    names = {type(feature).__name__: name for name, feature in reversed(info.features.items())}
    if "Image" not in names or "ClassLabel" not in names:
        raise DataError(f"{folder} is not image classification: its features are {', '.join(info.features)}")
    return names["Image"], names["ClassLabel"]


def _decoded(stream: ImageStream, split: str) -> ImageSet:
    images = np.empty((len(stream), *stream.image_shape), np.uint8)
    labels = np.empty(len(stream), np.int32)
    # disable=None: a bar where a person looks on, nothing elsewhere
    for start in tqdm(range(0, len(stream), _READ_AT_ONCE), f"decoding {split}", leave=False, disable=None):
        wanted = range(start, min(start + _READ_AT_ONCE, len(stream)))
        for position, (pixels, label) in zip(wanted, stream.reader.read(wanted), strict=True):
            images[position], labels[position] = pixels, label
    return ImageSet(images, labels)


def _check_count(builder: Any, split: str, told: int) -> None:
    stored = _stored_examples(builder.info.splits[split].filepaths)
    if stored != told:
        raise ValueError(f"split {split}: {stored} examples where dataset_info.json tells of {told}")


def _stored_examples(files: list[Any]) -> int:
    from array_record.python.array_record_module import ArrayRecordReader

    readers = [ArrayRecordReader(str(file)) for file in files]
    count = sum(reader.num_records() for reader in readers)
    for reader in readers:
        reader.close()
    return count


def _encoding(builder: Any, image: str) -> str:
    """How the images are stored: lossy JPEG has to be told beside results."""
    import tensorflow_datasets as tfds

    source = builder.as_data_source("train", decoders={image: tfds.decode.SkipDecoding()})
    start = source[0][image][:4]
    return "jpeg (lossy)" if start[:2] == b"\xff\xd8" else "png" if start[1:4] == b"PNG" else "other"
