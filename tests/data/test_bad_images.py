"""Images that cannot be read, or lie in training and test."""

import io
import json
import shutil
import struct

import numpy as np
import pytest
from photographs import (
    counts,
    load,
    noise,
    refusal,
    truncate,
    write,
    write_folder,
)
from PIL import Image

from bnjax.data import ImageSet
from bnjax.data.repeated import repeated_images
from bnjax.files import cache_dir

pytestmark = pytest.mark.usefixtures("own_cache")


def tiff_of_many_samples():
    """A picture that claims to have 279 numbers for each pixel, which Pillow logs."""
    picture = io.BytesIO()
    Image.fromarray(noise(8, 8)).save(picture, "TIFF")
    three_samples = struct.pack("<HHII", 277, 3, 1, 3)
    assert three_samples in picture.getvalue()
    return picture.getvalue().replace(three_samples, struct.pack("<HHII", 277, 3, 1, 279))


@pytest.fixture
def spoilt(tmp_path):
    """A folder with a truncated JPEG, a damaged TIFF called .jpg and a HEIC file; 15 sound images."""
    root = write_folder(tmp_path / "pets", count=4)
    truncate(write(root / "train" / "cat" / "a.jpg", noise(64, 64)))
    (root / "test" / "dog" / "3.png").unlink()
    (root / "test" / "dog" / "b.jpg").write_bytes(tiff_of_many_samples())
    (root / "train" / "dog" / "c.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    return root


def test_a_bad_image_is_named_and_ends_the_run(spoilt):
    (spoilt / "train" / "dog" / "c.heic").unlink()
    message = refusal(spoilt)
    assert str(spoilt / "train" / "cat" / "a.jpg") in message
    assert "truncated" in message
    assert "--bad_images=skip" in message
    assert not list(cache_dir().glob("arrays/*"))


def test_bad_images_are_skipped_and_counted(spoilt, capsys):
    for _ in range(2):  # the second time from the cache
        dataset = load(spoilt, bad_images="skip")
        assert (counts(dataset.train), counts(dataset.test)) == ([4, 4], [4, 3])
        assert dataset.facts["skipped_images"] == {
            "count": 3,
            "first": ["test/dog/b.jpg", "train/cat/a.jpg", "train/dog/c.heic"],
        }
        [line] = capsys.readouterr().err.splitlines()
        assert "3 of 18 images" in line
        assert "train/cat/a.jpg" in line


def test_skipping_leaves_the_others_as_they_were(tmp_path):
    root = write_folder(tmp_path / "pets", count=5)
    before = load(root)
    (root / "train" / "dog" / "1.png").write_text("text")
    after = load(root, bad_images="skip")
    left = [image.tobytes() for image in before.train.images]
    assert [image.tobytes() for image in after.train.images] == [
        image for image in left if image in {image.tobytes() for image in after.train.images}
    ]
    assert len(after.train) == 9


def test_without_bad_images_nothing_is_said(tmp_path, capsys):
    dataset = load(write_folder(tmp_path / "pets"), bad_images="skip")
    assert dataset.facts["skipped_images"] == {"count": 0, "first": []}
    assert capsys.readouterr().err == ""


def test_a_class_without_a_readable_image_ends_the_run(tmp_path):
    root = write_folder(tmp_path / "pets")
    for file in (root / "test" / "cat").iterdir():
        file.write_text("text")
    message = refusal(root, bad_images="skip")
    assert "split test" in message
    assert "class cat" in message


def test_all_bad_images_are_named(spoilt):
    message = refusal(spoilt)
    for file in ("test/dog/b.jpg", "train/cat/a.jpg", "train/dog/c.heic"):
        assert f"{spoilt / file} cannot be read as an image" in message
    assert "repair or remove them, or leave such files out with --bad_images=skip" in message


def test_of_many_bad_images_ten_are_named_and_the_others_counted(tmp_path):
    root = write_folder(tmp_path / "pets", count=13)
    for file in (root / "train" / "cat").iterdir():
        file.write_text("text")
    message = refusal(root)
    assert message.count("cannot be read as an image (no image of a known format)") == 10
    assert "; 3 more cannot either; repair or remove them" in message


def test_folders_that_are_no_split_are_named(tmp_path, capsys):
    root = write_folder(tmp_path / "pets", ("train", "test", "Valid", "extra"))
    dataset = load(root)
    assert (len(dataset.train), len(dataset.test), dataset.validation) == (6, 6, None)
    assert dataset.facts["ignored_folders"] == ["Valid", "extra"]
    line = "folder:pets: folders beside train that are no split are left out: Valid, extra\n"
    assert capsys.readouterr().err == line


def test_images_in_training_and_test_are_counted_and_told(tmp_path, capsys):
    root = write_folder(tmp_path / "pets", ("train", "val", "test"))
    for number, split in ((0, "test"), (1, "test"), (2, "val")):
        shutil.copy(root / f"train/cat/{number}.png", root / f"{split}/dog/{number}.png")
    for _ in range(2):  # the second time from the cache
        facts = load(root).facts
        assert (facts["test_images_in_training"], facts["validation_images_in_training"]) == (2, 1)
        assert capsys.readouterr().err.splitlines() == [
            "folder:pets: 1 of 6 validation images are training images, too",
            "folder:pets: 2 of 6 test images are training images, too",
        ]


def test_images_that_agree_in_part_are_not_the_same(tmp_path):
    images = np.zeros((3, 16, 16, 3), np.uint8)
    images[1, 5, 7, 1] = images[2, 15, 15, 2] = 1
    train, test = ImageSet(images[:1], np.zeros(1, np.int32)), ImageSet(images, np.zeros(3, np.int32))
    assert repeated_images(train, test) == 1
    assert repeated_images(test, train) == 1
    assert repeated_images(ImageSet(images[1:], np.zeros(2, np.int32)), train) == 0


SMALL_RUN = ("--model=mlp", "--width=4", "--epochs=1", "--batch_size=4", "--image_size=4")


@pytest.mark.slow
def test_a_run_ends_with_one_line_at_a_bad_image(run_watched, spoilt, tmp_path):
    result = run_watched(f"--dataset=folder:{spoilt}", *SMALL_RUN, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("cifar10.py: ")
    assert "cannot be read as an image" in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_run_on_a_folder_records_what_it_was_made_of(run_watched, spoilt, tmp_path):
    write_folder(spoilt, ("val",))
    result = run_watched(f"--dataset=folder:{spoilt}/", "--bad_images=skip", *SMALL_RUN, cwd=tmp_path)
    assert result.returncode == 0
    unread, repeated = result.stderr.splitlines()
    assert "3 of 24 images cannot be read" in unread
    assert "validation images are training images" in repeated  # their noise is drawn from the same seeds
    run, epoch, summary = map(json.loads, result.stdout.splitlines())
    assert run["data"]["skipped_images"]["count"] == 3
    assert run["data"]["image_shape"] == [4, 4, 3]
    assert run["config"]["dataset"] == f"folder:{spoilt}"
    assert epoch["validation_loss"] > 0
    assert summary["status"] == "done"
