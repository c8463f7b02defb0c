"""What is known of a network without JAX."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from bnjax.norm import DEFAULT_NORM
from bnjax.placement import Site

#: Site -> positions of its convolution and its norm among Keras's layers; and how many layers there are.
Positions = tuple[dict[str, tuple[int, int]], int]


#: Where images may have a norm, in front of the first layer, in networks with ``input_site``.
INPUT_SITE = Site("input/images", "images", linear=True)


def behind_input(settings: Any, sites: tuple[Site, ...]) -> tuple[Site, ...]:
    """A network's sites, with one of its images in front if the settings ask for it."""
    return (INPUT_SITE, *sites) if settings.input_site else sites


class ImageShape(NamedTuple):
    """The images of a network.

    Attributes:
      shape: of its published experiment: height, width, channels. Others are taken too.
      smallest_side: fewest pixels on a side that reach the logits.
      side_multiple: what the pixels on a side are a multiple of.
    """

    shape: tuple[int, int, int]
    smallest_side: int
    side_multiple: int = 1


@dataclass(frozen=True)
class Architecture:
    """A network as a value: a misspelt placement can be answered and data read before JAX is imported.

    Functions of settings take a :class:`bnjax.settings.config.Config` or whatever has its fields.

    Attributes:
      name: in flags and records.
      network: its Flax module, as ``module:class``.
      images: those of its published experiment.
      sites: settings -> sites, in the order in which data meets them.
      own_settings: the settings that it alone has; its Flax module takes them by the same names.
      follows_image_size: whether ``--image_size`` sets the size of its images.
      smallest_side: settings -> fewest pixels on a side; None: that of ``images``.
      side_multiple: settings -> what sides are a multiple of; None: that of ``images``.
      norm: which norm stands where nothing says.
      input_scale: how images come where nothing says; empty: as the study's recipe has it.
      complaint: settings -> what of its own settings does not fit together, empty if all does; None: nothing.
      keras_positions: positions of its layers in Keras's order; None where Keras has no such network.
      imagenet: whether Keras publishes weights with a hash.
      activations: the hidden units' that it takes; None: all.
      size_flag: the flag that makes it larger or smaller.
    """

    name: str
    network: str
    images: ImageShape
    sites: Callable[[Any], tuple[Site, ...]]
    own_settings: tuple[str, ...] = ()
    follows_image_size: bool = True
    smallest_side: Callable[[Any], int] | None = None
    side_multiple: Callable[[Any], int] | None = None
    norm: str = DEFAULT_NORM
    input_scale: str = ""
    complaint: Callable[[Any], str] | None = None
    keras_positions: Callable[[], Positions] | None = None
    imagenet: bool = False
    activations: tuple[str, ...] | None = None
    size_flag: str = "--image_size"

    def images_of(self, settings: Any) -> ImageShape:
        """What it asks of images; its shape is what ``digits`` are enlarged to."""
        smallest = self.smallest_side(settings) if self.smallest_side else self.images.smallest_side
        shape = self.images.shape
        if self.follows_image_size:
            shape = (settings.image_size, settings.image_size, shape[-1])
        multiple = self.side_multiple(settings) if self.side_multiple else self.images.side_multiple
        return ImageShape(shape, smallest, multiple)
