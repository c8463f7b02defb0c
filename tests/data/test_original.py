"""CIFAR-10 and MNIST from their original files, and downloads."""

import functools
import gzip
import hashlib
import http.server
import io
import tarfile
import threading
import time

import numpy as np
import pytest
from image_sets import SHAPE, one_line, random_set

from bnjax.data import (
    DataError,
    load_dataset,
)
from bnjax.data.sources import original
from bnjax.settings.config import Config

pytestmark = pytest.mark.usefixtures("own_cache")


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def cifar10_rows(part):
    """A CIFAR-10 binary file: label, then red, green and blue rows."""
    channels_first = part.images.transpose(0, 3, 1, 2).reshape(len(part), -1)
    return np.column_stack([part.labels.astype(np.uint8), channels_first]).tobytes()


def test_idx_files_are_parsed():
    for shape in ((7,), (3, 4, 5), (2, 300)):
        array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        np.testing.assert_array_equal(original.parse_idx(idx(array)), array)


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x0d\x01", b"GIF89a", idx(np.zeros((3, 4)))[:-1]])
def test_what_is_no_idx_file_is_refused(data):
    with pytest.raises(ValueError, match=r"IDX|reshape"):
        original.parse_idx(data)


def test_cifar10_rows_are_parsed():
    part = random_set(4, SHAPE)
    parsed = original.parse_cifar10(cifar10_rows(part))
    np.testing.assert_array_equal(parsed.images, part.images)
    np.testing.assert_array_equal(parsed.labels, part.labels)
    assert parsed.labels.dtype == np.int32
    with pytest.raises(ValueError, match="reshape"):
        original.parse_cifar10(cifar10_rows(part)[:-1])


def cifar10_archive(path, parts):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in parts.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_cifar10_is_read_from_its_archive(tmp_path, monkeypatch):
    batches = {f"data_batch_{number}": random_set(3, SHAPE, seed=number) for number in range(1, 6)}
    test = random_set(2, SHAPE, seed=9)
    # Not in their sequence, as in an archive that was packed by another tool.
    contents = {f"{name}.bin": cifar10_rows(part) for name, part in reversed(batches.items())}
    contents = {"readme.html": b"<html>", "test_batch.bin": cifar10_rows(test), **contents}
    archive = cifar10_archive(tmp_path / "cifar.tar.gz", contents)
    monkeypatch.setattr(original, "_download", lambda url, sha256: archive)
    dataset = load_dataset(Config(dataset="cifar10"), SHAPE)
    expected = np.concatenate([part.images for part in batches.values()])
    np.testing.assert_array_equal(dataset.train.images, expected)
    np.testing.assert_array_equal(dataset.test.labels, test.labels)
    assert dataset.facts["source"] == "original files"
    assert dataset.facts["encoding"] == "uncompressed"


@pytest.fixture
def mnist_downloads(tmp_path, monkeypatch):
    """Makes small archives stand in for the four files of MNIST; returns what was asked for."""
    train, test = random_set(6, (28, 28, 1)), random_set(4, (28, 28, 1), seed=1)
    asked = []

    def download(url, sha256):
        name = url.rpartition("/")[2]
        part = train if name.startswith("train") else test
        array = part.images[..., 0] if "images" in name else part.labels
        (tmp_path / name).write_bytes(gzip.compress(idx(array)))
        asked.append(name)
        return tmp_path / name

    monkeypatch.setattr(original, "_download", download)
    return train, test, asked


def test_mnist_is_read_from_its_files_once(mnist_downloads):
    train, test, asked = mnist_downloads
    for _ in range(2):
        dataset = load_dataset(Config(dataset="mnist"), SHAPE)
        np.testing.assert_array_equal(dataset.train.images, train.images)
        np.testing.assert_array_equal(dataset.train.labels, train.labels)
        np.testing.assert_array_equal(dataset.test.images, test.images)
        assert dataset.test.labels.dtype == np.int32
    assert len(asked) == len(set(asked)) == 4


def test_a_given_data_dir_is_not_replaced_by_a_download(mnist_downloads, tmp_path):
    with pytest.raises(DataError, match="--data_dir"):
        load_dataset(Config(dataset="mnist", data_dir=str(tmp_path)), SHAPE)
    assert mnist_downloads[2] == []


@pytest.mark.parametrize("name", original.NAMES)
def test_without_a_network_the_answer_comes_at_once(name, monkeypatch):
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens there
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    started = time.monotonic()
    with pytest.raises(DataError, match="cannot be downloaded") as caught:
        load_dataset(Config(dataset=name), SHAPE)
    assert time.monotonic() - started < 5
    message = one_line(caught)
    assert "--data_dir" in message
    assert "--dataset=digits" in message


@pytest.fixture
def web_folder(tmp_path, monkeypatch):
    """A folder and its address on a local web server."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path / "web"
    folder.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_download_is_kept_if_its_hash_is_right(web_folder, own_cache):
    folder, address = web_folder
    (folder / "file.gz").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    found = original._download(f"{address}/file.gz", digest)
    assert found.read_bytes() == b"content"
    assert own_cache in found.parents
    (folder / "file.gz").unlink()
    assert original._download(f"{address}/file.gz", digest) == found


def test_a_download_of_other_content_is_refused(web_folder, own_cache):
    folder, address = web_folder
    (folder / "file.gz").write_bytes(b"other content")
    with pytest.raises(DataError, match="cannot be downloaded") as caught:
        original._download(f"{address}/file.gz", hashlib.sha256(b"content").hexdigest())
    assert "hash" in one_line(caught).lower()
    assert list((own_cache / "downloads").iterdir()) == []


def test_a_file_that_is_not_there_is_answered(web_folder):
    with pytest.raises(DataError, match="404"):
        original._download(f"{web_folder[1]}/absent.gz", "0" * 64)
