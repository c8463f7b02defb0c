"""Folders of images: which layouts are read, and which are answered with a line."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from photographs import counts, load, pixels_of, refusal, write, write_folder

from bnjax.data import ImageSet, stream
from bnjax.data.sources import folder
from bnjax.data.sources.folder_layout import find_layout

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize("held_out", ["test", "val", "valid", "validation"])
def test_one_split_beside_train_is_for_testing(held_out, tmp_path):
    dataset = load(write_folder(tmp_path / "pets", ("train", held_out)))
    assert (counts(dataset.train), counts(dataset.test), dataset.validation) == ([3, 3], [3, 3], None)
    assert dataset.facts["test_split"] == held_out
    assert dataset.facts["validation_images"] == 0


@pytest.mark.parametrize("held_out", ["val", "valid", "validation"])
def test_val_beside_test_is_for_validation(held_out, tmp_path):
    root = write_folder(tmp_path / "pets", ("train", held_out, "test"))
    dataset = load(root)
    assert counts(dataset.validation) == [3, 3]
    assert dataset.facts["validation_images"] == 6
    assert (dataset.facts["test_split"], dataset.facts["validation_split"]) == ("test", held_out)
    np.testing.assert_array_equal(dataset.test.images[0], pixels_of(root / "test" / "cat" / "0.png"))
    np.testing.assert_array_equal(dataset.validation.images[5], pixels_of(root / held_out / "dog" / "2.png"))


def test_a_validation_set_of_its_own_leaves_none_to_hold_out(tmp_path):
    with_both = write_folder(tmp_path / "both", ("train", "val", "test"))
    message = refusal(with_both, validation=0.5)
    assert "--validation=0.5" in message
    assert "val" in message
    with_one = load(write_folder(tmp_path / "one", ("train", "val")), validation=0.5)
    assert (len(with_one.train), len(with_one.validation)) == (3, 3)


def test_without_splits_every_fifth_image_of_a_class_is_for_testing(tmp_path):
    root = write_folder(tmp_path / "pets", ("",), ("cat", "dog", "train"), count=11)
    layout = find_layout(root)
    assert layout.classes == ("cat", "dog", "train")  # locomotives are no split
    names = [(path.parent.name, path.stem) for path, _ in layout.splits["test"]]
    assert names == [(name, stem) for name in layout.classes for stem in "38"]  # 0 1 10 2 3 ... by name
    dataset = load(root)
    assert (counts(dataset.train, 3), counts(dataset.test, 3)) == ([9, 9, 9], [2, 2, 2])
    assert dataset.facts["test_split"] == "every fifth image of each class by name"


def test_classes_are_sorted_and_named_in_the_facts(tmp_path):
    root = write_folder(tmp_path / "pets", classes=("b", "a", "C"))
    dataset = load(root)
    assert dataset.facts["class_names"] == ["C", "a", "b"]
    np.testing.assert_array_equal(dataset.test.labels, np.repeat(np.arange(3, dtype=np.int32), 3))
    np.testing.assert_array_equal(dataset.test.images[8], pixels_of(root / "test" / "b" / "2.png"))


def test_training_images_are_mixed_always_in_the_same_way(tmp_path):
    root = write_folder(tmp_path / "pets", count=20)
    dataset = load(root)
    # Pinned: another order would make runs with --shuffle=none no longer comparable with earlier ones.
    assert "".join(map(str, dataset.train.labels)) == "0101100100011111110011001101000001001101"
    np.testing.assert_array_equal(dataset.test.labels, np.repeat([0, 1], 20))
    expected = {pixels_of(path).tobytes(): path for path in (root / "train").glob("*/*")}
    found = [expected[image.tobytes()] for image in dataset.train.images]
    assert sorted(found) == sorted(expected.values())
    assert [path.parent.name == "dog" for path in found] == dataset.train.labels.astype(bool).tolist()


def test_hidden_and_other_files_are_no_images(tmp_path):
    plain, littered = write_folder(tmp_path / "a" / "pets"), write_folder(tmp_path / "b" / "pets")
    for name in (
        "LICENSE",
        "train/ATTRIBUTION.txt",
        "test/cat/Thumbs.db",
        "train/cat/labels.csv",
        "logo.png",
    ):
        (littered / name).write_text("text")
    for name in (".DS_Store", "train/.DS_Store", "test/cat/._0.png"):
        (littered / name).write_text("hidden")
    write(littered / "train" / ".ipynb_checkpoints" / "0.png")
    write(littered / "__MACOSX" / "train" / "0.png")
    write(littered / "examples" / "0.png")  # a folder that is no split
    clean, done = load(plain), load(littered)
    np.testing.assert_array_equal(done.train.images, clean.train.images)
    assert clean.facts["ignored_files"] == 0
    assert done.facts["ignored_files"] == 5
    assert done.facts["version"] == clean.facts["version"]


def test_suffixes_in_capitals_and_links_are_fine(tmp_path):
    root = write_folder(tmp_path / "pets")
    (root / "train" / "cat" / "0.png").rename(root / "train" / "cat" / "0.PNG")
    (root / "train" / "cat" / "3.png").symlink_to(root / "test" / "cat" / "0.png")
    (root / "test" / "dog").rename(tmp_path / "dogs")
    (root / "test" / "dog").symlink_to(tmp_path / "dogs", target_is_directory=True)
    dataset = load(root)
    assert (counts(dataset.train), counts(dataset.test)) == ([4, 3], [3, 3])


def test_a_relative_path_and_home_are_found(tmp_path, monkeypatch):
    write_folder(tmp_path / "pets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("pets", "~/pets"):
        facts = load(path).facts
        assert (facts["name"], facts["source"]) == ("folder:pets", str(tmp_path / "pets"))


WRONG_LAYOUTS = {
    "absent": (shutil.rmtree, ["pets does not exist"]),
    "a file": (lambda root: shutil.rmtree(root) or root.write_text("x"), ["pets is a file, not a folder"]),
    "empty": (lambda root: shutil.rmtree(root) or root.mkdir(), ["no class folders", "two classes"]),
    "one class": (lambda root: [shutil.rmtree(root / s / "cat") for s in ("train", "test")], ["one", "dog"]),
    "no train": (lambda root: shutil.rmtree(root / "train"), ["holds test", "train is needed"]),
    "train alone": (lambda root: shutil.rmtree(root / "test"), ["holds train", "test, val or validation"]),
    "test without classes": (
        lambda root: shutil.rmtree(root / "test") or write(root / "test" / "a.png"),
        ["test holds no class folders"],
    ),
    "two validation sets": (
        lambda root: write_folder(root, ("val", "validation")),
        ["holds val, validation; one of them"],
    ),
    "three validation sets": (
        lambda root: write_folder(root, ("val", "valid", "validation")),
        ["holds val, valid, validation; one of them"],
    ),
    "class missing in test": (lambda root: write_folder(root, ("train",), ("eel",)), ["test lacks", "eel"]),
    "class missing in train": (lambda root: write_folder(root, ("test",), ("eel",)), ["train lacks", "eel"]),
    "empty class": (lambda root: [f.unlink() for f in (root / "test/cat").iterdir()], ["test/cat", "no im"]),
    "class of texts": (
        lambda root: [f.rename(f.with_suffix(".txt")) for f in (root / "test/cat").iterdir()],
        ["test/cat", "no images", "3 other files"],
    ),
    "nested": (lambda root: write(root / "train/cat/young/0.png"), ["train/cat", "young"]),
    "one level too high": (
        lambda root: (
            shutil.copytree(root, root / "x") and [shutil.rmtree(root / s) for s in ("train", "test")]
        ),
        ["one class folder, x"],
    ),
    "capitals": (
        lambda root: [(root / s).rename(root / s.title()) for s in ("train", "test")],
        ["Test", "splits are called train"],
    ),
    "too few for a fifth": (
        lambda root: [shutil.rmtree(root / s) for s in ("train", "test")] and write_folder(root, ("",)),
        ["cat holds 3 images", "5"],
    ),
}


@pytest.mark.parametrize(("change", "words"), WRONG_LAYOUTS.values(), ids=WRONG_LAYOUTS.keys())
def test_another_layout_is_answered_with_one_line(change, words, tmp_path):
    root = write_folder(tmp_path / "pets")
    change(root)
    message = refusal(root)
    assert [word for word in ("pets", *words) if word not in message] == []


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    root = write_folder(tmp_path / "pets")
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "dog":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("bnjax.data.sources.folder_layout.os.scandir", refuse)
    message = refusal(root)
    assert "train/dog" in message
    assert "Permission denied" in message


def test_a_folder_too_large_for_memory_is_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "LARGEST_IN_MEMORY", 12 * 8 * 8 * 3)
    assert isinstance(load(write_folder(tmp_path / "pets")).train, ImageSet)
    monkeypatch.setattr(folder, "read_picture", lambda *_: pytest.fail("decoded"))
    assert not isinstance(load(tmp_path / "pets", side=9).train, ImageSet)
