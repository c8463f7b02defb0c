"""Decoded arrays that are kept for the next start."""

import os
from pathlib import Path

import numpy as np
import pytest
from image_sets import assert_equal_sets, never, random_set

from bnjax.data import (
    DataError,
    Dataset,
)
from bnjax.data.cache import cached, fingerprint
from bnjax.files import cache_dir

pytestmark = pytest.mark.usefixtures("own_cache")

CACHED = Dataset(random_set(7), random_set(3, seed=1), 10, {"name": "x", "encoding": "png"})


ENTRY_FILES = ("facts.json", "train_images.npy", "train_labels.npy", "test_images.npy", "test_labels.npy")


@pytest.fixture
def entry():
    """The folder of a cached set."""
    cached("key", lambda: CACHED)
    return cache_dir() / "arrays" / "key"


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
