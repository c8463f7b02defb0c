"""What becomes of one file, of each kind."""

import os
import warnings

import numpy as np
import pytest
from photographs import ORIENTATION, noise, pixels_of, smooth, truncate, write
from PIL import Image

from bnjax.data.picture import BadImageError, strict_decoding

pytestmark = pytest.mark.usefixtures("own_cache")


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
