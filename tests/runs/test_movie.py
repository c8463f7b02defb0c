"""The movie of the weights: the series' formula, its frames, its files."""

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from bnjax.runs.recording.movie import Movie, MovieError, draw_frame, unit_tiles

RANDOM = np.random.default_rng(0)


def test_a_tile_is_scaled_by_the_series_formula():
    kernel = RANDOM.normal(0, 0.01, (6, 3)).astype(np.float32)
    tiles = unit_tiles(kernel, (2, 3, 1))
    assert tiles.shape == (3, 2, 3, 1)
    for unit in range(3):
        x = kernel[:, unit].astype(np.float64)
        y = (x - x.min()) / (x.max() - x.min() + 0.0001) * 255
        assert np.abs(tiles[unit].ravel() - y).max() <= 1  # whole numbers, float32


def test_a_flat_update_is_black_and_a_small_one_is_dark():
    kernel = np.zeros((4, 2), np.float32)
    kernel[0, 1] = 0.0001  # as large as the formula's floor: half as bright
    tiles = unit_tiles(kernel, (2, 2, 1))
    assert tiles[0].max() == 0
    assert tiles[1].max() == 127


@pytest.mark.parametrize("side", [3, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_convolution_kernels_are_tiles_too(side, channels):
    kernel = RANDOM.normal(size=(side, side, channels, 7))
    tiles = unit_tiles(kernel, (32, 32, channels))
    assert tiles.shape == (7, side, side, channels)
    bright = kernel[..., 4] == kernel[..., 4].max()
    assert tiles[4][bright] >= 254
    frame = draw_frame(tiles, np.zeros(7, bool), "text")
    assert frame.mode == ("L" if channels == 1 else "RGB")


def test_a_dense_layer_over_colour_pixels_is_in_colour():
    assert unit_tiles(RANDOM.normal(size=(4 * 4 * 3, 2)), (4, 4, 3)).shape == (2, 4, 4, 3)


@pytest.mark.parametrize(
    ("shape", "image_shape"), [((7, 3), (2, 3, 1)), ((3, 3, 64, 2), (8, 8, 3)), ((8, 3), (2, 2, 2))]
)
def test_what_does_not_see_pixels_is_refused(shape, image_shape):
    with pytest.raises(MovieError, match="pixels"):
        unit_tiles(np.zeros(shape), image_shape)


def test_framed_units_stand_in_a_white_frame_in_their_place():
    tiles = np.full((5, 28, 28, 1), 100, np.uint8)
    framed = np.asarray([False, False, False, False, True])  # the second of the second row of three
    pixels = np.asarray(draw_frame(tiles, framed, "a"))
    assert (pixels[30, 30:60] == 255).all()
    assert (pixels[59, 30:60] == 255).all()
    assert (pixels[30:60, 30] == 255).all()
    assert (pixels[31:59, 31:59] == 100).all()
    assert (pixels[0, :60] == 0).all()
    assert (pixels[60:] == 255).any()  # the text


def test_a_caption_is_never_cut():
    narrow = draw_frame(np.zeros((1, 28, 28, 1), np.uint8), np.zeros(1, bool), "a long caption" * 3)
    assert (np.asarray(narrow)[:, -2:] == 0).all()
    assert narrow.width % 2 == narrow.height % 2 == 0


def movie_of(path, epochs, shows="update", units=256):
    """A movie over weights that all move a little, but for the first."""
    movie, kernel = Movie(path, shows), RANDOM.normal(0, 0.05, (784, units)).astype(np.float32)
    seen = np.zeros((784, 1), np.float32)
    seen.reshape(28, 28)[4:24, 4:24] = 1  # the border of digits is always empty
    for epoch in range(1, epochs + 1):
        update = (RANDOM.normal(0, 0.01, kernel.shape) * seen).astype(np.float32)
        update[:, 0] = 0
        nobody = np.zeros(units, bool)
        flat = nobody.copy()
        flat[0] = True
        movie.add(epoch, kernel, kernel + update, (28, 28, 1), flat, nobody)
        kernel = kernel + update
    movie.save()
    return movie


def test_a_frame_of_units_that_are_not_trained_frames_none(tmp_path):
    kernel, nobody = np.zeros((784, 4), np.float32), np.zeros(4, bool)
    frozen, trained = Movie(tmp_path / "a.gif", "update"), Movie(tmp_path / "b.gif", "update")
    frozen.add(1, kernel, kernel, (28, 28, 1), None, nobody)
    trained.add(1, kernel, kernel, (28, 28, 1), ~nobody, nobody)
    assert (np.asarray(trained.frames[0])[0, :28] == 255).all()
    assert (np.asarray(frozen.frames[0])[0, :28] == 0).all()


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".mp4"])
@pytest.mark.parametrize("shows", ["update", "weights"])
def test_a_movie_has_a_frame_for_each_epoch(suffix, shows, tmp_path):
    path = tmp_path / f"movie{suffix}"
    if suffix == ".mp4":
        ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="imageio-ffmpeg is not installed")
        jax.block_until_ready(jax.numpy.ones(1))  # its threads make a fork of this process an error
        movie_of(path, 4, shows)
        assert ffmpeg.count_frames_and_secs(str(path))[0] == 4
    else:
        movie = movie_of(path, 4, shows)
        with Image.open(path) as read:
            assert read.n_frames == 4
            assert read.size == movie.frames[0].size
            read.seek(3)
            difference = np.abs(np.asarray(read.convert("L")).astype(int) - np.asarray(movie.frames[3]))
            assert difference[:480].mean() < 8  # 16 grays, or the loss of webp
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_sixty_epochs_of_256_units_are_under_5_mb(tmp_path):
    for shows in ("update", "weights"):
        movie_of(tmp_path / f"{shows}.gif", 60, shows)
        assert (tmp_path / f"{shows}.gif").stat().st_size < 5e6


def test_a_movie_without_frames_is_no_file(tmp_path):
    Movie(tmp_path / "a.gif", "update").save()
    assert list(tmp_path.iterdir()) == []


def test_a_movie_that_cannot_be_written_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "a.gif"
    movie = movie_of(path, 2, units=4)
    before = path.read_bytes()

    def full_disk(self, file, *_, **__):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        movie.save()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.gif"]


def test_frames_come_back_as_they_were():
    frames = [np.full((4, 6), 7, np.uint8), np.full((4, 6, 3), 9, np.uint8)]
    movie = Movie(Path("x.gif"), "update")
    movie.take_frames(frames)
    assert [np.asarray(frame).tolist() for frame in movie.frames] == [frame.tolist() for frame in frames]
    assert [frame.mode for frame in movie.frames] == ["L", "RGB"]
    assert all(isinstance(frame, Image.Image) for frame in movie.frames)
