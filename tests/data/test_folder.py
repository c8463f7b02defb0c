"""Folders of images: their layouts, what becomes of each kind of file, the cache, and what is refused."""

import dataclasses
import io
import json
import os
import shutil
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnjax.data import DataError, Dataset, ImageSet, load_dataset, stream
from bnjax.data.cache import cached
from bnjax.data.picture import BadImageError, read_picture, strict_decoding
from bnjax.data.repeated import repeated_images
from bnjax.data.sources import folder
from bnjax.data.sources.folder import load_folder
from bnjax.data.sources.folder_layout import find_layout
from bnjax.files import cache_dir
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError

ORIENTATION = 0x0112  # the EXIF tag
FACTS = ("name", "source", "version", "encoding", "test_split", "adaptation", "class_names", "skipped_images")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache for each test."""
    monkeypatch.setenv("BNJAX_CACHE_DIR", str(tmp_path / "cache"))


def noise(height, width, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height, width, seed=0):
    """A picture with little in it that is finer than 16 pixels, as photographs have it."""
    small = Image.fromarray(noise(height // 16 + 1, width // 16 + 1, seed=seed))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def write(path, pixels=None, mode=None, **options):
    """Writes an image; its folders appear with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(noise(8, 8) if pixels is None else pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def write_folder(root, splits=("train", "test"), classes=("cat", "dog"), count=3):
    """PNG files of 8 x 8, each another noise; split '' for classes directly in the folder."""
    seed = 0
    for split in splits:
        for name in classes:
            for number in range(count):
                seed += 1
                write(root / split / name / f"{number}.png", noise(8, 8, seed=seed))
    return root


def load(root, side=8, **settings):
    return load_dataset(Config(dataset=f"folder:{root}", image_size=side, **settings), (32, 32, 3))


def refusal(root, **settings):
    """The message of the DataError, which has to be one line."""
    with pytest.raises(DataError) as caught:
        load(root, **settings)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def pixels_of(path, side=8):
    with strict_decoding():
        return read_picture(path, side).pixels


# One file


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp"])
def test_an_rgb_image_of_the_size_asked_for_stays_as_it_is(suffix, tmp_path):
    options = {"lossless": True} if suffix == "webp" else {}
    path = write(tmp_path / f"a.{suffix}", noise(8, 8), **options)
    np.testing.assert_array_equal(pixels_of(path), noise(8, 8))


@pytest.mark.parametrize(("height", "width"), [(8, 13), (13, 8)])
def test_the_centre_is_kept(height, width, tmp_path):
    pixels = noise(height, width)
    top, left = (height - 8) // 2, (width - 8) // 2
    expected = pixels[top : top + 8, left : left + 8]
    np.testing.assert_array_equal(pixels_of(write(tmp_path / "a.png", pixels)), expected)


def test_the_short_side_is_scaled_without_aliasing(tmp_path):
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 255  # every other column: gray from afar
    scaled = pixels_of(write(tmp_path / "a.png", stripes))
    assert scaled.shape == (8, 8, 3)
    assert scaled.dtype == np.uint8
    assert abs(scaled.astype(int) - 127.5).max() < 3


def test_scaling_is_pillows_lanczos(tmp_path):
    pixels = smooth(40, 56)
    whole = Image.fromarray(pixels).resize((28, 20), Image.Resampling.LANCZOS).crop((4, 0, 24, 20))
    difference = pixels_of(write(tmp_path / "a.png", pixels), 20).astype(int) - np.asarray(whole)
    assert abs(difference[:, 2:-2]).max() <= 1  # beyond the edge the square knows less


def test_a_smaller_image_is_enlarged(tmp_path):
    path = write(tmp_path / "a.png", np.full((3, 2, 3), 77, np.uint8))
    np.testing.assert_array_equal(pixels_of(path), np.full((8, 8, 3), 77))


@pytest.mark.parametrize(("height", "width"), [(2, 4000), (4000, 2)])
def test_a_strip_needs_no_memory_for_what_is_cut_off(height, width, tmp_path):
    assert pixels_of(write(tmp_path / "a.png", noise(height, width)), 64).shape == (64, 64, 3)


def test_a_large_jpeg_is_read_at_a_fraction_with_the_same_result(tmp_path, monkeypatch):
    path = write(tmp_path / "a.jpg", smooth(1024, 768), quality=95)
    fast = pixels_of(path, 32).astype(int)
    decoded = []
    monkeypatch.setattr(
        "bnjax.data.picture._reduce_jpeg", lambda image, side: decoded.append(image.size) or None
    )
    whole = pixels_of(path, 32).astype(int)
    assert decoded == [(768, 1024)]
    assert abs(fast - whole).max() <= 3
    assert abs(fast - whole).mean() < 0.5


@pytest.mark.parametrize("size", [(768, 1024), (767, 1024), (100, 100)])
def test_a_jpeg_is_reduced_by_whole_pixels_and_not_too_far(size, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("bnjax.data.picture._rgb", lambda image: seen.append(image.size) or image)
    pixels_of(write(tmp_path / "a.jpg", noise(size[1], size[0])), 32)
    expected = {(768, 1024): (192, 256), (767, 1024): (767, 1024), (100, 100): (100, 100)}
    assert seen == [expected[size]]


TURNED = {
    1: lambda pixels: pixels,
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: np.rot90(pixels, -1),  # to be turned clockwise
    7: lambda pixels: np.rot90(pixels, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize(("orientation", "turn"), TURNED.items())
def test_exif_orientation_comes_first(orientation, turn, tmp_path):
    stored = noise(30, 21)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    marked = write(tmp_path / "marked.png", stored, exif=exif)
    upright = write(tmp_path / "upright.png", np.ascontiguousarray(turn(stored)))
    np.testing.assert_array_equal(pixels_of(marked), pixels_of(upright))


def test_a_photograph_on_its_side_is_turned(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    stored = smooth(1024, 512)  # large enough to be read at a half
    marked = write(tmp_path / "marked.jpg", stored, exif=exif, quality=95, subsampling=0)
    plain = write(tmp_path / "plain.jpg", stored, quality=95, subsampling=0)
    with Image.open(plain) as image:
        upright = write(tmp_path / "upright.png", np.ascontiguousarray(np.rot90(np.asarray(image), -1)))
    difference = pixels_of(marked, 64).astype(int) - pixels_of(upright, 64)
    assert abs(difference).max() <= 2
    assert abs(pixels_of(marked, 64).astype(int) - pixels_of(plain, 64)).max() > 50


def test_gray_is_repeated_in_three_channels(tmp_path):
    gray = noise(8, 8, 1)[..., 0]
    for name, mode in (("a.png", None), ("b.png", "LA"), ("c.tif", None)):
        np.testing.assert_array_equal(
            pixels_of(write(tmp_path / name, gray, mode)), np.repeat(gray[..., None], 3, 2)
        )


def test_black_and_white_are_0_and_255(tmp_path):
    gray = noise(8, 8, 1)[..., 0]
    image = Image.fromarray(gray).point(lambda value: 255 * (value > 99), "1")
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png")[..., 1], 255 * (gray > 99))


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_16_bits_become_8(suffix, tmp_path):
    values = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
    path = write(tmp_path / f"a.{suffix}", values)
    np.testing.assert_array_equal(pixels_of(path)[..., 2], np.round(values / 257))


@pytest.mark.parametrize("value", [-1, 65536])
def test_gray_of_another_range_is_refused(value, tmp_path):
    path = write(tmp_path / "a.tif", np.full((8, 8), value, np.int32))
    with pytest.raises(BadImageError, match=str(value)):
        pixels_of(path)


def test_floating_point_pixels_are_refused(tmp_path):
    with pytest.raises(BadImageError, match="range is not known"):
        pixels_of(write(tmp_path / "a.tif", np.ones((8, 8), np.float32)))


def over_white(pixels):
    alpha = pixels[..., 3:].astype(float) / 255
    return pixels[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_transparency_is_laid_over_white(suffix, tmp_path):
    pixels = noise(8, 8, 4)
    pixels[0, :, 3], pixels[1, :, 3] = 0, 255
    options = {"lossless": True, "exact": True} if suffix == "webp" else {}
    done = pixels_of(write(tmp_path / f"a.{suffix}", pixels, **options))
    assert abs(done - over_white(pixels)).max() <= 1
    assert (done[0] == 255).all()
    np.testing.assert_array_equal(done[1], pixels[1, :, :3])


def test_what_is_transparent_does_not_colour_its_surroundings(tmp_path):
    pixels = np.zeros((64, 64, 4), np.uint8)  # black, and invisible
    assert (pixels_of(write(tmp_path / "a.png", pixels)) == 255).all()


def test_gray_with_transparency_is_laid_over_white(tmp_path):
    gray = np.full((8, 8), 100, np.uint8)
    image = Image.merge("LA", [Image.fromarray(gray), Image.fromarray(gray * 0 + 51)])
    image.save(tmp_path / "a.png")
    assert abs(pixels_of(tmp_path / "a.png") - (100 * 0.2 + 255 * 0.8)).max() <= 1


def test_a_gray_value_that_means_transparent_becomes_white(tmp_path):
    write(tmp_path / "a.png", np.full((8, 8), 100, np.uint8), transparency=100)
    assert (pixels_of(tmp_path / "a.png") == 255).all()


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 255])])
def test_a_palette_with_transparency_is_laid_over_white(transparency, tmp_path):
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) % 3, "L").convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.save(tmp_path / "a.png", transparency=transparency)
    done = pixels_of(tmp_path / "a.png").reshape(64, 3)
    assert done[:3].tolist() == [[10, 20, 30], [255, 255, 255], [70, 80, 90]]


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_a_palette_is_looked_up_before_scaling(suffix, tmp_path):
    image = Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32) % 2, "L").convert("P")
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.save(tmp_path / f"a.{suffix}")
    inside = pixels_of(tmp_path / f"a.{suffix}")[1:-1, 1:-1].astype(int)
    assert abs(inside - [100, 50, 25]).max() <= 2


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_becomes_rgb(suffix, tmp_path):
    colours = smooth(64, 64)
    path = write(tmp_path / f"a.{suffix}", colours, "CMYK", **({"quality": 95} if suffix == "jpg" else {}))
    with Image.open(path) as image:
        assert image.mode == "CMYK"
    difference = pixels_of(path, 64).astype(int) - colours
    assert abs(difference).mean() < 3


def test_the_first_frame_of_an_animation_is_read(tmp_path):
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (30, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (pixels_of(tmp_path / "a.gif") == 30).all()


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


BAD = {
    "cut short": (truncate, "truncated"),
    "text": (lambda path: path.write_text("not an image"), "no image of a known format"),
    "empty": (lambda path: path.write_bytes(b""), "no image of a known format"),
    "broken link": (lambda path: path.unlink() or path.symlink_to("nowhere"), "broken link"),
    "gone": (lambda path: path.unlink(), "not a file"),
    "pipe": (lambda path: path.unlink() or os.mkfifo(path), "not a file"),
    "postscript": (lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n"), "no image of a known format"),
}


@pytest.mark.parametrize(("spoil", "words"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_what_cannot_be_read_is_told(spoil, words, suffix, tmp_path):
    path = write(tmp_path / f"a.{suffix}", noise(64, 64))
    spoil(path)
    with pytest.raises(BadImageError, match=words):
        pixels_of(path)


@pytest.mark.parametrize("limit", [3000, 1000])  # Pillow warns from the limit on, and refuses twice as much
def test_a_decompression_bomb_is_not_decoded(limit, tmp_path, monkeypatch):
    path = write(tmp_path / "a.png", noise(64, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(BadImageError, match="bomb"):
        pixels_of(path)


def test_other_warnings_of_pillow_are_not_heard():
    with strict_decoding():
        warnings.warn("corrupt EXIF", UserWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="heard again"):
        warnings.warn("heard again", UserWarning, stacklevel=1)


# Layouts


def counts(part, classes=2):
    return np.bincount(part.labels, minlength=classes).tolist()


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


# Bad images


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


# The cache


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


# Facts and flags


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


# Whole runs

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


# Real photographs

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
