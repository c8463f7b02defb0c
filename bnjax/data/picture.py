"""One image file as a small square of RGB bytes."""

import contextlib
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

#: Pillow's formats that are opened, whatever a file is called. EPS and others that run a program are not.
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "WEBP", "TIFF", "PPM", "AVIF", "JPEG2000")
#: A JPEG may be decoded at a half, a quarter or an eighth that still is so many times the size that is
#: wanted. On photographs this moved pixels by 0.3 of 255 on average, 4 at most; with 2 it was 1 and 6.
_REDUCED_AT_LEAST = 4
_SIXTEEN_BITS = 2**16 - 1


class BadImageError(Exception):
    """A file that cannot be read as an image; the message is the reason."""


class Crop(NamedTuple):
    """What a random crop leaves of an image.

    Attributes:
      share: its side as a part of the image's short side.
      left, top: where it lies, from 0 to 1 of the way that it could be moved.
      mirrored: left and right change places.
    """

    share: float
    left: float
    top: float
    mirrored: bool


#: The whole of the middle square.
CENTRE = Crop(1.0, 0.5, 0.5, mirrored=False)


class Picture(NamedTuple):
    """Pixels uint8 [side, side, 3], the file's format as Pillow calls it, and a digest of its bytes."""

    pixels: np.ndarray
    format: str
    digest: str


def read_picture(path: Path, side: int) -> Picture:
    """The centre of an image, upright, its short side scaled to ``side`` (Lanczos), over white, in RGB.

    Raises:
      BadImageError: absent, damaged, cut short, of another kind, or too large to be decoded safely.
    """
    return decode_picture(read_bytes(path), side)


def read_bytes(path: Path) -> bytes:
    """What an image's file holds.

    Raises:
      BadImageError: absent, or not readable.
    """
    try:
        if not path.is_file():
            raise BadImageError("a broken link" if path.is_symlink() else "not a file")
        return path.read_bytes()
    except OSError as error:
        raise BadImageError(str(error)) from error


def decode_picture(data: bytes, side: int, crop: Crop = CENTRE) -> Picture:
    """A square of an image, upright, scaled to ``side`` (Lanczos), over white, in RGB.

    Raises:
      BadImageError: damaged, cut short, of another kind, or too large to be decoded safely.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_pixels(image)
            _reduce_jpeg(image, side)
            upright = ImageOps.exif_transpose(image)
            pixels = np.asarray(_cropped(_rgb(upright), (side, side), crop))
            return Picture(pixels, image.format or "", hashlib.sha256(data).hexdigest())
    except (BadImageError, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise BadImageError("no image of a known format") from None
    except Exception as error:
        # Pillow's decoders raise many kinds: OSError, SyntaxError, struct.error, DecompressionBombError.
        raise BadImageError(" ".join(f"{error}".split()) or type(error).__name__) from error


@contextlib.contextmanager
def strict_decoding() -> Iterator[None]:
    """Pillow's warnings, heard by all threads: of a decompression bomb an error, of anything else none.

    What it logs is not said either: the error that follows is.
    """
    logger, deaf = logging.getLogger("PIL"), logging.NullHandler()
    logger.addHandler(deaf)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    finally:
        logger.removeHandler(deaf)


def _check_pixels(image: Image.Image) -> None:
    """Refuses what Pillow only warns of outside :func:`strict_decoding`."""
    if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise BadImageError(f"{image.width}x{image.height} pixels, which may be a decompression bomb")


def _reduce_jpeg(image: Image.Image, side: int) -> None:
    width, height = image.size
    for factor in (8, 4, 2):
        fits = width % factor == height % factor == 0  # otherwise the last row would be part of a pixel
        if fits and min(width, height) >= factor * side * _REDUCED_AT_LEAST:
            image.draft(None, (width // factor, height // factor))  # does nothing to other formats
            return


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise BadImageError("floating-point pixels, whose range is not known")
    if image.mode.startswith("I"):
        image = _gray_of_16_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    white = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(white, layer).convert("RGB")


def _gray_of_16_bits(image: Image.Image) -> Image.Image:
    """0..65535 spread to 0..255, where Pillow's own conversion would clip."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > _SIXTEEN_BITS:
        raise BadImageError(f"gray values {values.min()} to {values.max()} outside 0..{_SIXTEEN_BITS}")
    return Image.fromarray(np.round(values * (255 / _SIXTEEN_BITS)).astype(np.uint8))


def _cropped(image: Image.Image, size: tuple[int, int], crop: Crop) -> Image.Image:
    """A rectangle of whole pixels, scaled: what a crop after scaling shows, without the rest."""
    scale = min(image.size[0] / size[0], image.size[1] / size[1]) * crop.share
    taken = [max(1, round(side * scale)) for side in size]
    left, top = (
        int((side - part) * way)
        for side, part, way in zip(image.size, taken, (crop.left, crop.top), strict=True)
    )
    box = (left, top, left + taken[0], top + taken[1])
    part = image.resize(size, Image.Resampling.LANCZOS, box)
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if crop.mirrored else part


def stored_pixels(data: bytes, shape: tuple[int, int, int], crop: Crop = CENTRE) -> np.ndarray:
    """The pixels of an image that has its shape already, uint8 [height, width, channels]; 1, 3 or 4 channels.

    Raises:
      BadImageError: damaged, or of another shape.
    """
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[shape[-1]]
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
        if image.size != (shape[1], shape[0]):  # before anything is decoded
            raise BadImageError(f"{image.width}x{image.height} pixels instead of {shape[1]}x{shape[0]}")
        if image.mode != mode:
            image = image.convert(mode)
        if crop != CENTRE:
            image = _cropped(image, image.size, crop)
        return np.asarray(image).reshape(shape)
    except (BadImageError, MemoryError):
        raise
    except Exception as error:
        raise BadImageError(" ".join(f"{error}".split()) or type(error).__name__) from error
