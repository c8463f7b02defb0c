"""How pixels become numbers: an offset and a factor per channel, applied on the device."""

from dataclasses import dataclass

import numpy as np

from bnjax.data.image_set import Images

PIXEL_MAX = 255


@dataclass(frozen=True)
class InputScaling:
    """input = (pixel - mean) / deviation, with one mean and deviation per channel, in pixels 0..255."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]


def input_scaling(name: str, train: Images) -> InputScaling:
    """The scaling that ``--input_scale`` names.

    Args:
      name: ``raw``, ``unit``, ``symmetric`` or ``standardize``.
      train: the training images; the statistics of their sample alone count.
    """
    channels = train.image_shape[-1]
    if name == "raw":
        return InputScaling((0.0,) * channels, (1.0,) * channels)
    if name == "unit":
        return InputScaling((0.0,) * channels, (float(PIXEL_MAX),) * channels)
    if name == "symmetric":
        return InputScaling((PIXEL_MAX / 2,) * channels, (PIXEL_MAX / 2,) * channels)
    sample = train.sample
    moments = [_moments(sample[..., channel]) for channel in range(channels)]
    return InputScaling(tuple(m for m, _ in moments), tuple(d or 1.0 for _, d in moments))


def _moments(pixels: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of bytes, exact in float64 whatever their number."""
    counts = np.bincount(pixels.ravel(), minlength=PIXEL_MAX + 1)
    values = np.arange(PIXEL_MAX + 1)
    mean = float(counts @ values / counts.sum())
    return mean, float(np.sqrt(counts @ np.square(values - mean) / counts.sum()))
