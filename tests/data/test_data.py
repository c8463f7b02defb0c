"""Image sets: their sources, the cache, scaling and batches."""

import dataclasses
import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits as bundled_digits

from bnjax.data import (
    DataError,
    Dataset,
    ImageSet,
    eval_batches,
    input_scaling,
    load_dataset,
    steps_per_epoch,
    train_batches,
)
from bnjax.data.cache import cached, fingerprint
from bnjax.data.sources import original, prepared
from bnjax.data.sources.digits import load_digits
from bnjax.files import cache_dir
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError

SHAPE = (32, 32, 3)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache for each test, and no data in the home folder."""
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "cache"


def random_set(count, shape=(4, 3, 2), classes=10, seed=0):
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (count, *shape), dtype=np.uint8)
    return ImageSet(images, random.integers(0, classes, count).astype(np.int32))


def numbered_set(count):
    """Images that tell their own position."""
    positions = np.arange(count, dtype="<u2")
    return ImageSet(positions.view(np.uint8).reshape(count, 1, 1, 2), positions.astype(np.int32))


def positions_of(images):
    return np.ascontiguousarray(images).view("<u2").ravel().tolist()


def assert_equal_sets(found, expected):
    for split in ("train", "test"):
        for part in ("images", "labels"):
            one, other = getattr(getattr(found, split), part), getattr(getattr(expected, split), part)
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    assert found.num_classes == expected.num_classes
    assert found.facts == expected.facts


def one_line(caught):
    """The message of a DataError, which has to be one line."""
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# Digits


def test_digits_are_1438_and_359():
    digits = load_digits((28, 28, 1))
    assert digits.train.images.shape == (1438, 28, 28, 1)
    assert digits.test.images.shape == (359, 28, 28, 1)
    for part in (digits.train, digits.test):
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int32
        assert (part.images.min(), part.images.max()) == (0, 255)
        assert set(part.labels.tolist()) == set(range(10))
    assert digits.check("digits") is digits


def test_digits_of_their_own_size_are_the_bundled_ones():
    digits = load_digits((8, 8, 1))
    images, labels = bundled_digits(return_X_y=True)
    expected = np.round(images.reshape(-1, 8, 8, 1) / 16 * 255)
    test = np.arange(1797) % 5 == 4
    np.testing.assert_array_equal(digits.test.images, expected[test])
    np.testing.assert_array_equal(digits.train.images, expected[~test])
    np.testing.assert_array_equal(digits.train.labels, labels[~test])


def test_digits_have_one_gray_value_in_every_channel():
    gray, colour = load_digits((16, 12, 1)), load_digits((16, 12, 3))
    assert colour.test.images.shape == (359, 16, 12, 3)
    for channel in range(3):
        np.testing.assert_array_equal(colour.test.images[..., channel], gray.test.images[..., 0])


def test_digits_come_from_the_cache_at_the_second_start(tmp_path):
    """Importing scikit-learn would take a third of that start."""
    look = "import sys; from bnjax.data.sources.digits import load_digits; digits = load_digits((9, 8, 3)); "
    look += "print('sklearn' in sys.modules, digits.train.images.sum(), digits.facts)"
    command = [sys.executable, "-c", look]
    env = {**os.environ, "BNJAX_CACHE_DIR": str(tmp_path)}
    starts = (subprocess.run(command, env=env, capture_output=True, text=True, check=True) for _ in range(2))
    (first, *found), (second, *same) = (start.stdout.split() for start in starts)
    assert (first, second, found) == ("True", "False", same)


# From a config to a set


def test_facts_are_complete():
    facts = load_dataset(Config(dataset="digits"), SHAPE).facts
    assert facts == {
        **facts,
        "name": "digits",
        "image_shape": [32, 32, 3],
        "adaptation": "8x8x1 resized to 32x32x3 (bilinear)",
        "classes": 10,
        "train_images": 1438,
        "validation_images": 0,
        "test_images": 359,
    }
    json.dumps(facts, allow_nan=False)


def test_validation_images_are_the_last_of_the_training_ones():
    whole = load_dataset(Config(dataset="digits"), SHAPE)
    cut = load_dataset(Config(dataset="digits", validation=0.1, seed=7), SHAPE)
    assert whole.validation is None
    assert (len(cut.train), len(cut.validation), len(cut.test)) == (1294, 144, 359)
    assert (cut.facts["train_images"], cut.facts["validation_images"]) == (1294, 144)
    joined = np.concatenate([cut.train.images, cut.validation.images])
    np.testing.assert_array_equal(joined, whole.train.images)
    joined = np.concatenate([cut.train.labels, cut.validation.labels])
    np.testing.assert_array_equal(joined, whole.train.labels)
    np.testing.assert_array_equal(cut.test.images, whole.test.images)


def test_fewer_images_are_spread_evenly():
    whole = load_dataset(Config(dataset="digits"), SHAPE)
    some = load_dataset(Config(dataset="digits", train_images=100, test_images=50), SHAPE)
    assert (some.facts["train_images"], some.facts["test_images"]) == (100, 50)
    trained, tested = (
        [n * total // count for n in range(count)] for total, count in ((1438, 100), (359, 50))
    )
    np.testing.assert_array_equal(some.train.images, whole.train.images[trained])
    np.testing.assert_array_equal(some.test.labels, whole.test.labels[tested])
    most = load_dataset(Config(dataset="digits", test_images=300), SHAPE)
    np.testing.assert_array_equal(most.test.images[-1], whole.test.images[359 * 299 // 300])
    with pytest.raises(DataError, match="--train_images=1439: there are 1438"):
        load_dataset(Config(dataset="digits", train_images=1439), SHAPE)


@pytest.mark.parametrize("fraction", [1e-4, 0.9999])
def test_a_part_without_images_is_refused(fraction):
    with pytest.raises(DataError, match=f"--validation={fraction} holds out .* of 1438"):
        load_dataset(Config(dataset="digits", validation=fraction), SHAPE)


def test_images_too_small_for_a_network_are_refused():
    with pytest.raises(DataError, match=r"images of 3x5 are too small for cnn, which needs 4x4"):
        load_dataset(Config(dataset="digits"), (3, 5, 1), smallest=4)
    assert load_dataset(Config(dataset="digits"), (4, 5, 1), smallest=4).facts["image_shape"] == [4, 5, 1]


WRONG_SETS = {
    "images": (lambda part: dict(images=part.images.astype(np.float32)), "float32"),
    "rank": (lambda part: dict(images=part.images[..., 0]), r"\(5, 4, 3\)"),
    "count": (lambda part: dict(labels=part.labels[1:]), "with 4 labels"),
    "empty": (lambda part: dict(images=part.images[:0], labels=part.labels[:0]), "holds no images"),
    "large label": (lambda part: dict(labels=part.labels * 0 + 10), r"labels outside 0\.\.9"),
    "negative label": (lambda part: dict(labels=part.labels * 0 - 1), r"labels outside 0\.\.9"),
}


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize(("change", "words"), WRONG_SETS.values(), ids=WRONG_SETS.keys())
def test_arrays_that_do_not_fit_are_refused(split, change, words):
    dataset = Dataset(random_set(5), random_set(5), 10, {})
    assert dataset.check("name") is dataset
    part = getattr(dataset, split)
    wrong = dataclasses.replace(dataset, **{split: dataclasses.replace(part, **change(part))})
    with pytest.raises(DataError, match=f"^name, split {split}: .*{words}"):
        wrong.check("name")


def test_images_of_two_shapes_are_refused():
    with pytest.raises(DataError, match=r"differ in shape: \(4, 3, 2\) and \(4, 3, 1\)"):
        Dataset(random_set(5), random_set(5, (4, 3, 1)), 10, {}).check("name")


# Scaling


def scaled(name, images):
    scaling = input_scaling(name, ImageSet(images, np.zeros(len(images), np.int32)))
    return (images - np.array(scaling.mean)) / np.array(scaling.deviation)


def test_raw_pixels_stay():
    images = random_set(5).images
    np.testing.assert_array_equal(scaled("raw", images), images)


def test_unit_pixels_are_fractions_of_255():
    images = random_set(5).images
    np.testing.assert_array_equal(scaled("unit", images), images / 255)


@given(st.integers(1, 40), st.integers(1, 4), st.integers(0, 10**6))
def test_standardized_statistics_equal_numpys_in_float64(count, channels, seed):
    images = random_set(count, (5, 4, channels), seed=seed).images
    scaling = input_scaling("standardize", ImageSet(images, np.zeros(len(images), np.int32)))
    wide = images.astype(np.float64)
    np.testing.assert_allclose(scaling.mean, wide.mean(axis=(0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(scaling.deviation, wide.std(axis=(0, 1, 2)), rtol=1e-12)
    assert all(type(number) is float for number in scaling.mean + scaling.deviation)


def test_standardized_images_have_mean_0_and_deviation_1():
    done = scaled("standardize", random_set(50).images)
    np.testing.assert_allclose(done.mean(axis=(0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(done.std(axis=(0, 1, 2)), 1, rtol=1e-12)


def test_a_channel_of_one_value_is_only_shifted():
    scaling = input_scaling(
        "standardize", ImageSet(np.full((3, 2, 2, 1), 7, np.uint8), np.zeros(3, np.int32))
    )
    assert (scaling.mean, scaling.deviation) == ((7.0,), (1.0,))


# Batches


def order_of(*arguments):
    return [p for batch in train_batches(*arguments) for p in positions_of(batch.images)]


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 2**32 - 1), st.integers(1, 10**6))
def test_training_batches_have_one_size_and_no_image_twice(count, size, seed, epoch):
    part = numbered_set(count)
    batches = list(train_batches(part, size, "epoch", seed, epoch))
    assert len(batches) == steps_per_epoch(count, size) == count // size
    seen = []
    for batch in batches:
        assert batch.images.shape == (size, 1, 1, 2)
        assert batch.labels.tolist() == positions_of(batch.images)
        assert batch.weights.dtype == np.float32
        assert batch.weights.tolist() == [1] * size
        seen += batch.labels.tolist()
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(count))


def test_an_order_depends_on_seed_and_epoch_alone():
    part = numbered_set(1000)
    orders = {(seed, epoch): order_of(part, 100, "epoch", seed, epoch) for seed in (0, 1) for epoch in (1, 2)}
    assert len({tuple(order) for order in orders.values()}) == 4
    for (seed, epoch), order in orders.items():
        assert sorted(order) == list(range(1000))
        assert order_of(part, 100, "epoch", seed, epoch) == order
        assert order_of(part, 50, "epoch", seed, epoch) == order


def test_an_order_stays_the_same_in_every_version():
    # Pinned: a new order would make runs of one seed no longer comparable with earlier ones.
    assert order_of(numbered_set(12), 12, "epoch", 3, 2) == [6, 10, 1, 2, 8, 9, 5, 7, 4, 3, 11, 0]


def test_unshuffled_batches_are_the_same_in_every_epoch():
    part = numbered_set(250)
    for seed, epoch in ((0, 1), (0, 2), (9, 5)):
        assert order_of(part, 100, "none", seed, epoch) == list(range(200))


@given(st.integers(1, 300), st.integers(1, 400))
def test_evaluation_batches_hold_every_image_once(count, size):
    part = numbered_set(count)
    seen = []
    for batch in eval_batches(part, size):
        assert batch.images.shape == (size, 1, 1, 2)
        assert batch.labels.shape == batch.weights.shape == (size,)
        assert batch.weights.dtype == np.float32
        assert set(batch.weights.tolist()) <= {0.0, 1.0}
        counted = batch.weights == 1
        assert set(batch.labels[~counted].tolist()) <= {count - 1}
        assert positions_of(batch.images) == batch.labels.tolist()
        seen += batch.labels[counted].tolist()
    assert seen == list(range(count))


# The cache

CACHED = Dataset(random_set(7), random_set(3, seed=1), 10, {"name": "x", "encoding": "png"})
ENTRY_FILES = ("facts.json", "train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy")


@pytest.fixture
def entry():
    """The folder of a cached set."""
    cached("key", lambda: CACHED)
    return cache_dir() / "arrays" / "key"


def never():
    pytest.fail("made again")


def assert_made_again():
    calls = []
    found = cached("key", lambda: calls.append(1) or CACHED)
    assert calls == [1]
    assert_equal_sets(found, CACHED)
    assert_equal_sets(cached("key", never), CACHED)


def test_an_entry_is_made_once(entry):
    assert_equal_sets(cached("key", never), CACHED)
    assert {file.name for file in entry.iterdir()} >= set(ENTRY_FILES)
    assert [folder.name for folder in entry.parent.iterdir()] == ["key"]


def test_another_key_is_another_entry(entry):
    other = Dataset(random_set(2), random_set(2), 10, {"name": "y"})
    assert_equal_sets(cached("other", lambda: other), other)
    assert_equal_sets(cached("key", never), CACHED)


def test_a_flipped_bit_anywhere_never_shows(entry):
    for file in sorted(entry.iterdir()):
        sound = file.read_bytes()
        for position in range(len(sound)):
            damaged = bytearray(sound)
            damaged[position] ^= 1 << position % 8
            file.write_bytes(damaged)
            assert_equal_sets(cached("key", lambda: CACHED), CACHED)


def test_a_cut_or_lost_file_is_made_again(entry):
    for file in sorted(entry.iterdir()):
        sound = file.read_bytes()
        for kept in (0, 1, len(sound) - 1):
            file.write_bytes(sound[:kept])
            assert_made_again()
        file.unlink()
        assert_made_again()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '"x"', "{}", '{"checksums": {}}', "\x00\x00"])
def test_bad_facts_are_made_again(entry, text):
    (entry / "facts.json").write_text(text)
    assert_made_again()


def test_a_file_where_an_entry_should_be_is_no_obstacle(own_cache):
    (own_cache / "arrays").mkdir(parents=True)
    (own_cache / "arrays" / "key").write_text("in the way")
    assert_equal_sets(cached("key", lambda: CACHED), CACHED)
    assert [path.name for path in (own_cache / "arrays").iterdir()] == ["key"]


def test_a_failure_while_making_leaves_nothing(own_cache):
    def fail():
        raise DataError("no")

    with pytest.raises(DataError):
        cached("key", fail)
    assert not own_cache.exists()


def test_a_cache_that_cannot_be_written_to_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert_equal_sets(cached("key", lambda: CACHED), CACHED)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_is_read(entry):
    entry.parent.chmod(0o500)
    try:
        assert_equal_sets(cached("key", never), CACHED)
        assert_equal_sets(cached("other", lambda: CACHED), CACHED)
    finally:
        entry.parent.chmod(0o700)


def test_a_full_disk_leaves_no_scratch(own_cache, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "save", full)
    assert_equal_sets(cached("key", lambda: CACHED), CACHED)
    assert list((own_cache / "arrays").iterdir()) == []


def test_where_the_cache_lies(monkeypatch, tmp_path):
    assert cache_dir() == tmp_path / "cache"
    monkeypatch.delenv("BNJAX_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_dir() == Path("/xdg/bnjax")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_dir() == tmp_path / "home" / ".cache" / "bnjax"


def test_a_fingerprint_tells_size_time_and_name(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text("1")
    first = fingerprint(files)
    assert fingerprint(reversed(files)) == first
    assert fingerprint(files[:1]) != first
    os.utime(files[0], ns=(0, 0))
    assert fingerprint(files) != first


# The original files


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


# Sets prepared by TFDS

_FEATURES = "tensorflow_datasets.core.features."


def encoded(image, file_format):
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, file_format)
    return buffer.getvalue()


def write_shard(path, part, file_format):
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.proto import tf_example_pb2

    writer = ArrayRecordWriter(str(path), "group_size:1")
    for image, label in zip(part.images, part.labels, strict=True):
        example = tf_example_pb2.Example()
        example.features.feature["image"].bytes_list.value.append(encoded(image, file_format))
        example.features.feature["label"].int64_list.value.append(int(label))
        writer.write(example.SerializeToString())
    writer.close()


def features_json(shape, classes):
    dimensions = [str(size) for size in shape]
    label = {
        "pythonClassName": f"{_FEATURES}class_label_feature.ClassLabel",
        "classLabel": {"numClasses": str(classes)},
    }
    image = {
        "pythonClassName": f"{_FEATURES}image_feature.Image",
        "image": {"shape": {"dimensions": dimensions}, "dtype": "uint8"},
    }
    return {
        "pythonClassName": f"{_FEATURES}features_dict.FeaturesDict",
        "featuresDict": {"features": {"image": image, "label": label}},
    }


def write_prepared(folder, splits, classes=10, file_format="PNG"):
    """A set in TFDS's own layout; ``splits`` has a list of shards for each split."""
    folder.mkdir(parents=True)
    name = folder.parent.name
    infos = []
    for split, shards in splits.items():
        for number, part in enumerate(shards):
            shard = f"{name}-{split}.array_record-{number:05}-of-{len(shards):05}"
            write_shard(folder / shard, part, file_format)
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        lengths = [str(len(part)) for part in shards]
        infos.append({"name": split, "shardLengths": lengths, "numBytes": "1", "filepathTemplate": template})
    info = {"name": name, "version": folder.name, "fileFormat": "array_record", "splits": infos}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    shape = next(iter(splits.values()))[0].images.shape[1:]
    (folder / "features.json").write_text(json.dumps(features_json(shape, classes)))
    return folder


TRAIN = random_set(45, SHAPE, seed=2)
TEST = random_set(5, SHAPE, seed=3)


@pytest.fixture
def data_dir(tmp_path):
    """Holds one small set, ``toy``, whose training images lie in two files."""
    write_prepared(tmp_path / "tfds" / "toy" / "1.0.0", {"train": [TRAIN[:25], TRAIN[25:]], "test": [TEST]})
    return tmp_path / "tfds"


@pytest.fixture
def toy(data_dir):
    return data_dir / "toy" / "1.0.0"


def load_toy(data_dir, name="toy"):
    return load_dataset(Config(dataset=name, data_dir=str(data_dir)), SHAPE)


def test_a_prepared_set_is_read_whole_and_in_order(data_dir):
    dataset = load_toy(data_dir)
    np.testing.assert_array_equal(dataset.train.images, TRAIN.images)
    np.testing.assert_array_equal(dataset.train.labels, TRAIN.labels)
    np.testing.assert_array_equal(dataset.test.images, TEST.images)
    np.testing.assert_array_equal(dataset.test.labels, TEST.labels)
    assert (dataset.train.images.dtype, dataset.train.labels.dtype) == (np.uint8, np.int32)
    assert dataset.num_classes == 10
    assert dataset.facts == {
        "name": "toy",
        "version": "1.0.0",
        "source": "tfds array_record",
        "encoding": "png",
        "test_split": "test",
        "test_images_in_training": 0,
        "image_shape": [32, 32, 3],
        "adaptation": "none",
        "classes": 10,
        "train_images": 45,
        "validation_images": 0,
        "test_images": 5,
    }


def test_a_prepared_set_is_decoded_once(data_dir, toy, monkeypatch):
    first = load_toy(data_dir)
    with monkeypatch.context() as patch:
        patch.setattr(prepared, "_read", lambda *_: never())
        assert_equal_sets(load_toy(data_dir), first)
    for file in toy.glob("*-test.array_record*"):
        file.unlink()
        write_shard(file, TRAIN[:5], "PNG")
    np.testing.assert_array_equal(load_toy(data_dir).test.images, TRAIN.images[:5])


def test_a_prepared_set_is_read_without_tensorflow(data_dir):
    code = (
        "import sys; from bnjax.settings.config import Config; from bnjax.data import load_dataset;"
        f"load_dataset(Config(dataset='toy', data_dir={str(data_dir)!r}), (32, 32, 3));"
        "print({'tensorflow', 'jax'} & set(sys.modules), 'tensorflow_datasets' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["set()", "True"]


def test_jpeg_is_told_to_be_lossy(tmp_path):
    write_prepared(
        tmp_path / "d" / "toy" / "1.0.0", {"train": [TRAIN[:3]], "test": [TEST]}, file_format="JPEG"
    )
    dataset = load_toy(tmp_path / "d")
    assert dataset.facts["encoding"] == "jpeg (lossy)"
    assert not np.array_equal(dataset.test.images, TEST.images)


def test_gray_images_have_one_channel(tmp_path):
    part = random_set(4, (9, 7, 1))
    write_prepared(tmp_path / "d" / "gray" / "2.1.0", {"train": [part], "test": [part[:2]]})
    np.testing.assert_array_equal(load_toy(tmp_path / "d", "gray").train.images, part.images)


def test_validation_stands_in_for_test(tmp_path):
    splits = {"train": [TRAIN[:3]], "validation": [TEST]}
    write_prepared(tmp_path / "d" / "toy" / "1.0.0", splits)
    dataset = load_toy(tmp_path / "d")
    assert dataset.facts["test_split"] == "validation"
    np.testing.assert_array_equal(dataset.test.images, TEST.images)


def test_the_newest_version_is_read_unless_one_is_named(tmp_path):
    for number, version in enumerate(("1.9.0", "1.10.0", "1.2.0"), start=1):
        splits = {"train": [TRAIN[:number]], "test": [TEST]}
        write_prepared(tmp_path / "d" / "toy" / version, splits)
    assert load_toy(tmp_path / "d").facts["version"] == "1.10.0"
    assert load_toy(tmp_path / "d", "toy:1.2.0").facts["train_images"] == 3


def test_a_config_of_a_set_is_read_by_its_path(tmp_path):
    write_prepared(tmp_path / "d" / "toy" / "letters" / "1.0.0", {"train": [TRAIN[:3]], "test": [TEST]})
    assert load_toy(tmp_path / "d", "toy/letters").facts["train_images"] == 3


def test_tfds_data_dir_and_home_are_where_data_is_looked_for(data_dir, monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    assert load_toy("").facts["name"] == "toy"
    monkeypatch.delenv("TFDS_DATA_DIR")
    (tmp_path / "home").mkdir()
    data_dir.rename(tmp_path / "home" / "tensorflow_datasets")
    assert load_toy("").facts["name"] == "toy"
    assert load_toy("~/tensorflow_datasets").facts["name"] == "toy"


def shard_of(folder, split="train"):
    return sorted(folder.glob(f"*-{split}.array_record*"))[0]


def change_json(file, **changes):
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def flip_byte(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 0x10
    file.write_bytes(data)


def rewrite(folder, part, split="test"):
    shard = shard_of(folder, split)
    shard.unlink()
    write_shard(shard, part, "PNG")


def change_image_shape(folder, *dimensions):
    features = features_json(dimensions, 10)
    (folder / "features.json").write_text(json.dumps(features))


def drop_label(folder):
    features = features_json(SHAPE, 10)
    del features["featuresDict"]["features"]["label"]
    (folder / "features.json").write_text(json.dumps(features))


DAMAGES = {
    "truncated": (lambda f: os.truncate(shard_of(f), 30_000), ["damaged"]),
    "truncated by a byte": (lambda f: os.truncate(shard_of(f), shard_of(f).stat().st_size - 1), ["damaged"]),
    "emptied": (lambda f: os.truncate(shard_of(f), 0), ["damaged"]),
    "flipped byte": (lambda f: flip_byte(shard_of(f)), ["damaged"]),
    "a shard is lost": (lambda f: shard_of(f).unlink(), ["prepare"]),
    "a split is lost": (lambda f: shard_of(f, "test").unlink(), ["prepare"]),
    "all shards are lost": (
        lambda f: [file.unlink() for file in f.glob("*.array_record*")],
        ["holds no array_record files", "file_format='array_record'"],
    ),
    "tfrecord": (
        lambda f: change_json(f / "dataset_info.json", fileFormat="tfrecord"),
        ["TFRECORD", "tfds.builder('toy'", "file_format='array_record'"],
    ),
    "a format that is no text": (lambda f: change_json(f / "dataset_info.json", fileFormat=3), ["prepare"]),
    "a format that is null": (lambda f: change_json(f / "dataset_info.json", fileFormat=None), ["prepare"]),
    "info is cut": (lambda f: os.truncate(f / "dataset_info.json", 20), ["dataset_info.json", "damaged"]),
    "info is a list": (
        lambda f: (f / "dataset_info.json").write_text("[]"),
        ["dataset_info.json", "damaged"],
    ),
    "info is no UTF-8": (lambda f: (f / "dataset_info.json").write_bytes(b"\xff\n"), ["damaged"]),
    "features are lost": (lambda f: (f / "features.json").unlink(), ["damaged"]),
    "features are cut": (lambda f: os.truncate(f / "features.json", 20), ["damaged"]),
    "other image size": (
        lambda f: change_image_shape(f, 16, 16, 3),
        ["image 0 of train cannot be read as an image", "prepare the set anew"],
    ),
    "no label": (drop_label, ["not image classification", "image"]),
    "wrong label": (lambda f: rewrite(f, ImageSet(TEST.images, TEST.labels + 10)), ["labels outside 0..9"]),
    "fewer examples than told": (lambda f: rewrite(f, TEST[:2]), ["damaged"]),
    "more examples than told": (lambda f: rewrite(f, TRAIN[:9]), ["damaged"]),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_set_is_answered_with_one_line(data_dir, toy, damage, words):
    damage(toy)
    with pytest.raises(DataError) as caught:
        load_toy(data_dir)
    message = one_line(caught)
    assert str(toy) in message
    assert [word for word in words if word not in message] == []


def test_images_of_several_sizes_or_larger_ones_become_squares(data_dir, toy):
    """As those of a folder."""
    stored = load_toy(data_dir).train.images

    def load_scaled(side):
        config = Config(dataset="toy", data_dir=str(data_dir), image_size=side)
        return load_dataset(config, SHAPE)

    smaller = load_scaled(16)
    assert smaller.train.images.shape == (45, 16, 16, 3)
    expected = Image.fromarray(stored[7]).resize((16, 16), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(smaller.train.images[7], np.asarray(expected))
    assert "16x16" in smaller.facts["adaptation"]
    change_image_shape(toy, -1, -1, 3)
    np.testing.assert_array_equal(load_scaled(32).train.images, stored)
    assert load_scaled(40).train.images.shape == (45, 40, 40, 3)


@pytest.mark.parametrize("side", [16, 32, 40])
def test_a_prepared_set_is_streamed_as_it_is_in_memory(side, data_dir):
    memory, stream = (
        load_dataset(Config(dataset="toy", data_dir=str(data_dir), image_size=side, stream=stream), SHAPE)
        for stream in ("never", "always")
    )
    assert not isinstance(stream.train, ImageSet)
    for ours, theirs in ((stream.train, memory.train), (stream.test, memory.test)):
        assert ours.image_shape == theirs.image_shape
        for batch, other in zip(eval_batches(ours, 4), eval_batches(theirs, 4), strict=True):
            np.testing.assert_array_equal(batch.images, other.images)
            np.testing.assert_array_equal(batch.labels, other.labels)


def test_a_wrong_label_ends_a_stream_as_it_does_in_memory(data_dir, toy):
    rewrite(toy, ImageSet(TEST.images, TEST.labels + 10))
    dataset = load_dataset(Config(dataset="toy", data_dir=str(data_dir), stream="always"), SHAPE)
    with pytest.raises(DataError, match=r"labels outside 0\.\.9"):
        list(eval_batches(dataset.test, 5))


def test_a_set_that_was_refused_is_not_cached(data_dir, toy):
    sound = shard_of(toy).read_bytes()
    flip_byte(shard_of(toy))
    for _ in range(2):
        with pytest.raises(DataError):
            load_toy(data_dir)
    shard_of(toy).write_bytes(sound)
    np.testing.assert_array_equal(load_toy(data_dir).train.images, TRAIN.images)


def test_a_set_without_test_images_is_refused(tmp_path):
    write_prepared(tmp_path / "d" / "toy" / "1.0.0", {"train": [TRAIN[:3]], "unlabeled": [TEST]})
    with pytest.raises(DataError, match="splits train, unlabeled"):
        load_toy(tmp_path / "d")


@pytest.mark.parametrize("name", ["cifar10", "mnist", "svhn_cropped", "toy:9.9.9"])
def test_absent_data_is_answered_with_what_to_do(name, data_dir):
    with pytest.raises(DataError) as caught:
        load_toy(data_dir, name)
    message = one_line(caught)
    assert repr(name) in message
    assert str(data_dir) in message
    assert "--data_dir" in message
    assert "--dataset=digits" in message


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="--dataset=digits") as caught:
        load_toy(tmp_path / "nowhere", "cifar10")
    assert f"{tmp_path / 'nowhere'} does not exist" in one_line(caught)


@pytest.mark.parametrize(
    "name", ["/etc", ":1.0.0", ".", "..", "*", "**", "t?y", "toy:*", "../tfds/toy", "a\nb"]
)
def test_a_name_is_no_path_and_no_pattern(name, data_dir):
    with pytest.raises((ConfigError, DataError)) as caught:
        load_toy(data_dir, name)
    assert "--dataset" in one_line(caught)


def test_how_to_prepare_a_config_of_a_set_names_it_whole(tmp_path):
    folder = write_prepared(
        tmp_path / "d" / "toy" / "letters" / "1.0.0", {"train": [TRAIN[:3]], "test": [TEST]}
    )
    change_json(folder / "dataset_info.json", fileFormat="tfrecord")
    with pytest.raises(DataError) as caught:
        load_toy(tmp_path / "d", "toy/letters")
    assert f"tfds.builder('toy/letters', data_dir='{tmp_path / 'd'}'" in one_line(caught)
