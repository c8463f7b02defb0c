"""Folders of images: the cache, facts, flags and real photographs."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from photographs import (
    FACTS,
    counts,
    load,
    noise,
    write,
    write_folder,
)
from PIL import Image

from bnjax.data import DataError, Dataset, ImageSet, load_dataset
from bnjax.data.cache import cached
from bnjax.data.sources import folder
from bnjax.data.sources.folder import load_folder
from bnjax.files import cache_dir
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_folder_is_decoded_once(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "pets", ("train", "val", "test"))
    first = load(root)
    monkeypatch.setattr(folder, "read_picture", lambda *_: pytest.fail("decoded again"))
    second = load(root)
    assert second.facts == first.facts
    json.dumps(first.facts, allow_nan=False)
    assert set(FACTS) <= first.facts.keys()
    for split in ("train", "test", "validation"):
        for part in ("images", "labels"):
            one, other = getattr(getattr(second, split), part), getattr(getattr(first, split), part)
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_a_folder_that_was_moved_is_not_decoded_again(tmp_path, monkeypatch):
    version = load(write_folder(tmp_path / "pets")).facts["version"]
    (tmp_path / "pets").rename(tmp_path / "animals")
    monkeypatch.setattr(folder, "read_picture", lambda *_: pytest.fail("decoded again"))
    facts = load(tmp_path / "animals").facts
    assert (facts["name"], facts["version"]) == ("folder:animals", version)
    assert facts["source"] == str(tmp_path / "animals")


CHANGES = {
    "content and size": lambda root: write(root / "train/cat/0.png", noise(9, 9)),
    "time": lambda root: os.utime(root / "train/cat/0.png", (1, 1)),
    "a new file": lambda root: write(root / "train/cat/9.png"),
    "a lost file": lambda root: (root / "train/cat/0.png").unlink(),
    "a name": lambda root: (root / "train/cat/0.png").rename(root / "train/cat/9.png"),
    "a class": lambda root: [(root / s / "cat").rename(root / s / "eel") for s in ("train", "test")],
    "a split": lambda root: (root / "test").rename(root / "val"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_changed_file_is_another_entry(change, tmp_path):
    root = write_folder(tmp_path / "pets")
    load(root)
    change(root)
    load(root)
    assert len(list(cache_dir().glob("arrays/*"))) == 2


def test_settings_and_the_preparation_are_part_of_the_key(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "pets")
    load(root)
    load(root, side=9)
    load(root, bad_images="skip")
    monkeypatch.setattr(folder, "_PREPARATION", 0)
    load(root)
    assert len(list(cache_dir().glob("arrays/*"))) == 4


def test_the_version_is_that_of_the_content(tmp_path):
    root, copy = write_folder(tmp_path / "pets"), tmp_path / "copy"
    shutil.copytree(root, copy)
    os.utime(copy / "train/cat/0.png", (1, 1))
    version = load(root).facts["version"]
    assert load(copy).facts["version"] == load(root, side=9).facts["version"] == version
    write(copy / "train/cat/0.png", noise(8, 8, seed=99))
    assert load(copy).facts["version"] != version


def small_set(seed):
    return ImageSet(noise(3, 4, 3, seed)[..., None], np.arange(3, dtype=np.int32))


def never():
    pytest.fail("made again")


def test_a_validation_set_goes_through_the_cache():
    dataset = Dataset(small_set(0), small_set(1), 3, {"name": "x"}, small_set(2))
    cached("key", lambda: dataset)
    found = cached("key", never)
    np.testing.assert_array_equal(found.validation.images, dataset.validation.images)
    np.testing.assert_array_equal(found.validation.labels, dataset.validation.labels)
    np.testing.assert_array_equal(found.test.images, dataset.test.images)


@pytest.mark.parametrize("lost", [["images"], ["labels"], ["images", "labels"]])
def test_a_lost_validation_set_is_made_again(lost):
    dataset = Dataset(small_set(0), small_set(1), 3, {"name": "x"}, small_set(2))
    cached("key", lambda: dataset)
    for part in lost:
        (cache_dir() / "arrays" / "key" / f"validation_{part}.npy").unlink()
    assert cached("key", lambda: dataset).validation is dataset.validation
    np.testing.assert_array_equal(cached("key", never).validation.images, dataset.validation.images)


def test_a_set_without_validation_is_kept_as_before():
    cached("key", lambda: Dataset(small_set(0), small_set(1), 3, {"name": "x"}))
    names = {file.name for file in (cache_dir() / "arrays" / "key").iterdir()}
    assert {name for name in names if name.startswith("validation")} == set()
    assert cached("key", never).validation is None


def test_a_validation_set_is_checked_as_the_others_are():
    dataset = Dataset(small_set(0), small_set(1), 3, {}, small_set(2))
    assert dataset.check("name") is dataset
    wrong = dataclasses.replace(dataset, validation=dataset.validation[:0])
    with pytest.raises(DataError, match="split validation: it holds no images"):
        wrong.check("name")


def test_the_encoding_is_what_the_files_are(tmp_path):
    root = write_folder(tmp_path / "pets")
    assert load(root).facts["encoding"] == "png"
    (root / "train/cat/0.png").rename(root / "train/cat/0.jpg")  # the suffix decides nothing
    assert load(root).facts["encoding"] == "png"
    write(root / "train/cat/1.jpg")
    assert load(root).facts["encoding"] == "mixed"
    for file in root.glob("*/*/*.*"):
        with Image.open(file) as image:
            image.save(file.with_suffix(".jpeg"))
        file.unlink()
    assert load(root).facts["encoding"] == "jpeg (lossy)"


def test_the_adaptation_tells_the_size(tmp_path):
    facts = load(write_folder(tmp_path / "pets"), side=48).facts
    assert facts["adaptation"] == "short side scaled to 48, centre 48x48 (Lanczos)"
    assert facts["image_shape"] == [48, 48, 3]


@pytest.mark.parametrize("dataset", ["folder:", "folder: ", "folders:x", "Folder:x", "cifar10:3", "C:/pets"])
def test_a_misspelt_folder_is_a_wrong_command_line(dataset):
    with pytest.raises(ConfigError, match="folder:PATH") as caught:
        resolve(Config(dataset=dataset))
    assert f"--dataset={dataset}" in str(caught.value)


@pytest.mark.parametrize("dataset", ["cifar10:3.0.2", "emnist/letters:3.0.0", "mnist"])
def test_names_with_versions_stay(dataset):
    assert resolve(Config(dataset=dataset)).dataset == dataset


def test_a_slash_at_the_end_is_the_same_run():
    assert resolve(Config(dataset="folder:a//b/")) == resolve(Config(dataset="folder:a/b"))


def test_a_plain_path_is_told_how_to_write_it(tmp_path, monkeypatch):
    write_folder(tmp_path / "pets")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="--dataset=folder:pets"):
        load_dataset(Config(dataset="pets", data_dir=str(tmp_path)), (32, 32, 3))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cnn", "mlp", "vgg7"])
def test_every_network_takes_the_size_of_a_folder(model):
    import jax

    from bnjax.models import build_model

    network = build_model(resolve(Config(model=model)), 5)
    images = jax.ShapeDtypeStruct((2, 48, 48, 3), "float32")
    logits, _ = jax.eval_shape(network.init_with_output, jax.random.key(0), images)
    assert logits.shape == (2, 5)


REAL = Path(os.environ.get("BNJAX_TEST_DATA", ""))


def real(name):
    if "BNJAX_TEST_DATA" not in os.environ or not (REAL / name).is_dir():
        pytest.skip(f"no folder {name} below $BNJAX_TEST_DATA")
    return load_folder(REAL / name, 32, "stop")


@pytest.mark.real_data
@pytest.mark.slow
def test_clothing_and_flowers_have_their_counts():
    clothing = real("clothing")
    assert clothing.facts["class_names"] == ["longsleeve", "t-shirt"]
    assert [counts(getattr(clothing, s)) for s in ("train", "validation", "test")] == [
        [375, 375],
        [49, 49],
        [52, 52],
    ]
    flowers = real("flowers")
    assert flowers.facts["class_names"] == ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
    assert (counts(flowers.train, 5), counts(flowers.test, 5)) == ([100] * 5, [25] * 5)
    assert flowers.validation is None
    for dataset in (clothing, flowers):
        assert dataset.facts["encoding"] == "jpeg (lossy)"
        assert dataset.train.images.shape[1:] == (32, 32, 3)
        assert 50 < dataset.train.images.mean() < 200
        assert len({image.tobytes() for image in dataset.train.images}) == len(dataset.train)
