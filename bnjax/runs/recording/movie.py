"""The movie of the dying-ReLU series (Qiita, 2017-05): what the units of the first layer do in each epoch.

A frame shows each unit as a tile of the pixels that it sees, brightened by the series' formula
(x - min) / (max - min + 0.0001) * 255 over the tile, so that a unit whose update is flat stays black. Such
units are framed in white, and the epoch and the counts stand below.
"""

import math
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bnjax.process.bar import say
from bnjax.settings.fields import ConfigError

#: Against division by zero, and what lets updates that hardly differ stay dark.
_FLOOR = 0.0001
#: A GIF gets the most grays of these that keep it below so many bytes: weights look like noise, which only
#: coarse steps compress.
_GIF_GRAYS = (16, 8, 4)
_GIF_BYTES = 5_000_000
_SECONDS_PER_FRAME = 0.2
_SMALLEST_TILE = 24
_FRAME = 1
_TEXT_SIZE = 15
_TEXT_HEIGHT = 24


class MovieError(ConfigError):
    """A layer that cannot be shown as tiles of pixels."""


def unit_tiles(kernel: np.ndarray, image_shape: tuple[int, int, int]) -> np.ndarray:
    """A first layer's weights as one picture for each unit, brightened by the series' formula.

    Args:
      kernel: [inputs, units] of a dense layer over pixels, or [height, width, channels, units].
      image_shape: height, width and channels of the images; one channel or three.

    Returns:
      uint8 [units, height, width, channels].

    Raises:
      MovieError: the weights do not belong to pixels of one or three channels.
    """
    shape = kernel.shape[:-1] if kernel.ndim == 4 else image_shape
    if shape[-1] not in (1, 3) or shape[-1] != image_shape[-1] or math.prod(shape) != kernel[..., 0].size:
        raise MovieError(f"weights {kernel.shape} are not those of a layer that sees {image_shape} pixels")
    tiles = np.moveaxis(kernel.reshape(*shape, -1), -1, 0)
    low = tiles.min((1, 2, 3), keepdims=True)
    high = tiles.max((1, 2, 3), keepdims=True)
    return ((tiles - low) / (high - low + _FLOOR) * 255).astype(np.uint8)


def draw_frame(tiles: np.ndarray, framed: np.ndarray, caption: str) -> Image.Image:
    """All tiles in a square of rows, some framed in white, with a line of text below.

    Args:
      tiles: uint8 [units, height, width, channels].
      framed: bool [units].
    """
    units, height, width, channels = tiles.shape
    zoom = max(1, _SMALLEST_TILE // max(height, width))
    tiles = tiles.repeat(zoom, 1).repeat(zoom, 2)
    cells = np.zeros((units, height * zoom + 2 * _FRAME, width * zoom + 2 * _FRAME, channels), np.uint8)
    cells[framed] = 255
    cells[:, _FRAME:-_FRAME, _FRAME:-_FRAME] = tiles
    columns = math.ceil(math.sqrt(units))
    rows = math.ceil(units / columns)
    empty = np.zeros((rows * columns - units, *cells.shape[1:]), np.uint8)
    grid = np.concatenate([cells, empty]).reshape(rows, columns, *cells.shape[1:])
    pixels = grid.swapaxes(1, 2).reshape(rows * cells.shape[1], columns * cells.shape[2], channels)
    font = ImageFont.load_default(_TEXT_SIZE)
    picture = Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels)
    # Even sides, which video needs, and room for the text.
    size = (
        max(picture.width, math.ceil(font.getlength(caption)) + 8) // 2 * 2 + 2,
        (picture.height + _TEXT_HEIGHT) // 2 * 2,
    )
    frame = Image.new(picture.mode, size)
    frame.paste(picture)
    white = 255 if channels == 1 else (255, 255, 255)
    ImageDraw.Draw(frame).text((4, picture.height + 2), caption, white, font=font)
    return frame


@dataclass
class Movie:
    """A movie that grows by a frame an epoch.

    Attributes:
      path: where it is saved: a .gif, .webp or .mp4.
      shows: ``update`` for what an epoch changed, ``weights`` for what it left.
    """

    path: Path
    shows: str
    frames: list[Image.Image] = field(default_factory=list)

    def add(
        self,
        epoch: int,
        before: np.ndarray,
        after: np.ndarray,
        image_shape: tuple[int, int, int],
        flat: np.ndarray | None,
        silent: np.ndarray,
    ) -> None:
        """One more frame.

        Args:
          before, after: the first layer's kernel [..., units] at the start and the end of the epoch.
          image_shape: height, width and channels of the images.
          flat: bool [units]; None where the kernel is not trained, and no unit can be flat.
          silent: bool [units].
        """
        shown = after - before if self.shows == "update" else after
        what = "dW" if self.shows == "update" else "W"
        counted = "not trained" if flat is None else f"{flat.sum()} flat (framed)"
        caption = f"{what}, epoch {epoch}: {counted}, {silent.sum()} silent, of {silent.size} units"
        framed = np.zeros_like(silent) if flat is None else flat
        self.frames.append(draw_frame(unit_tiles(shown, image_shape), framed, caption))

    def take_frames(self, frames: Sequence[np.ndarray]) -> None:
        """Begins with frames that an earlier attempt at the run has drawn."""
        self.frames = [Image.fromarray(frame) for frame in frames]

    def save(self) -> None:
        """Writes the frames so far and says so; the file is complete or not there."""
        if not self.frames:
            return
        size = (max(f.width for f in self.frames), max(f.height for f in self.frames))
        frames = [frame.crop((0, 0, *size)) for frame in self.frames]
        unfinished = self.path.with_name(f".{os.getpid()}-{self.path.name}")
        try:
            {".gif": _save_gif, ".webp": _save_webp, ".mp4": _save_mp4}[self.path.suffix](unfinished, frames)
            unfinished.replace(self.path)
            say(f"{self.path}: a movie of {len(frames)} frame{'s' if len(frames) > 1 else ''}")
        finally:
            unfinished.unlink(missing_ok=True)


def _save_gif(path: Path, frames: list[Image.Image]) -> None:
    for grays in _GIF_GRAYS:
        few = [_with_grays(frame, grays) if frame.mode == "L" else frame for frame in frames]
        _save_animation(path, few, optimize=False)
        if path.stat().st_size <= _GIF_BYTES:
            break


def _with_grays(frame: Image.Image, grays: int) -> Image.Image:
    """The same picture with so many evenly spaced grays, black and white among them."""
    levels = np.rint(np.asarray(frame) * ((grays - 1) / 255)).astype(np.uint8)
    indexed = Image.frombytes("P", frame.size, levels.tobytes())
    indexed.putpalette([round(gray * 255 / (grays - 1)) for gray in range(grays) for _ in range(3)])
    return indexed


def _save_webp(path: Path, frames: list[Image.Image]) -> None:
    _save_animation(path, frames, quality=40, method=2)


def _save_animation(path: Path, frames: list[Image.Image], **options: Any) -> None:
    milliseconds = round(_SECONDS_PER_FRAME * 1000)
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0, **options)


def _save_mp4(path: Path, frames: list[Image.Image]) -> None:
    import imageio_ffmpeg

    width, height = frames[0].size
    rate = str(1 / _SECONDS_PER_FRAME)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-"]
    coded = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "23", "-movflags", "+faststart"]
    pixels = b"".join(frame.convert("RGB").tobytes() for frame in frames)
    # Not imageio_ffmpeg.write_frames, which forks by preexec_fn: JAX has threads. A session of its own keeps
    # Ctrl-C from ending it half way.
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *raw, *coded, str(path)],
        input=pixels,
        check=True,
        start_new_session=True,
    )
