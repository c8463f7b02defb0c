"""CIFAR-10 and MNIST from their original sources, for machines without TensorFlow and prepared data."""

import gzip
import tarfile
from pathlib import Path

import numpy as np

from bnjax.data.cache import cached
from bnjax.data.download import download
from bnjax.data.image_set import Dataset, ImageSet

#: Address and SHA-256 of each file, as tensorflow-datasets 4.9.10 lists them (url_checksums/).
_CIFAR10 = (
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
_MNIST_BASE = "https://storage.googleapis.com/cvdf-datasets/mnist/"
_MNIST = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
NAMES = ("cifar10", "mnist")
#: In the order of their labels; those of MNIST are its digits.
CLASS_NAMES = {
    "cifar10": [
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ]
}


def load_original(name: str) -> Dataset:
    """CIFAR-10 or MNIST, downloaded once, checked by hash and cached as arrays.

    Raises:
      DataError: it cannot be downloaded, or what came is not what was published.
    """
    make = {"cifar10": _make_cifar10, "mnist": _make_mnist}[name]
    return cached(f"{name}-original", lambda: make().check(name))


def _download(url: str, sha256: str) -> Path:
    advice = (
        "go online, give --data_dir with data that TFDS prepared as array_record, or use --dataset=digits, "
        "which needs no download"
    )
    return download(url, f"sha256:{sha256}", advice)


def parse_cifar10(data: bytes) -> ImageSet:
    """The images of a CIFAR-10 binary file: rows of one label byte and 3 x 32 x 32 pixels, channels first."""
    rows = np.frombuffer(data, np.uint8).reshape(-1, 1 + 3072)
    images = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return ImageSet(np.ascontiguousarray(images), rows[:, 0].astype(np.int32))


def parse_idx(data: bytes) -> np.ndarray:
    """An array of bytes in MNIST's IDX format: two zeros, type 8, rank, big-endian sizes, values."""
    if data[:3] != b"\x00\x00\x08":
        raise ValueError("not an IDX file of unsigned bytes")
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def _make_cifar10() -> Dataset:
    parts: dict[str, ImageSet] = {}
    with tarfile.open(_download(*_CIFAR10)) as archive:
        for member in archive.getmembers():
            if member.name.endswith(".bin"):
                parts[Path(member.name).stem] = parse_cifar10(archive.extractfile(member).read())  # type: ignore[union-attr]
    train = [parts[f"data_batch_{number}"] for number in range(1, 6)]
    images = np.concatenate([part.images for part in train])
    labels = np.concatenate([part.labels for part in train])
    return Dataset(ImageSet(images, labels), parts["test_batch"], 10, _facts("cifar10"))


def _make_mnist() -> Dataset:
    arrays = [
        parse_idx(gzip.decompress(_download(_MNIST_BASE + name, sha256).read_bytes()))
        for name, sha256 in _MNIST.items()
    ]
    train = ImageSet(arrays[0][..., None], arrays[1].astype(np.int32))
    test = ImageSet(arrays[2][..., None], arrays[3].astype(np.int32))
    return Dataset(train, test, 10, _facts("mnist"))


def _facts(name: str) -> dict[str, str]:
    return {
        "name": name,
        "version": "original",
        "source": "original files",
        "encoding": "uncompressed",
        "test_split": "test",
    }
