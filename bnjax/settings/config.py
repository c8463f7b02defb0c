"""One run's settings as a flat frozen dataclass.

The defaults are those of the recipe ``published`` of the CIFAR-10 study; the other recipes are written as
differences from them in :mod:`bnjax.studies`. Flags are made from the fields of its parts, so a setting, its
help, its choices and its bounds stand in one place.
"""

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bnjax.architectures import ARCHITECTURES, ImageShape
from bnjax.placement import Placement, PlacementError, Site, parse_placement
from bnjax.settings.fields import ConfigError, Role
from bnjax.settings.parts.data import DataSettings
from bnjax.settings.parts.files import FileSettings
from bnjax.settings.parts.finetuning import FineTuningSettings
from bnjax.settings.parts.network import NetworkSettings
from bnjax.settings.parts.training import TrainingSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Config(FineTuningSettings, FileSettings, TrainingSettings, DataSettings, NetworkSettings):
    """Everything that decides the result of one run, and where its files lie."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites of this config's network."""
        return ARCHITECTURES[self.model].sites(self)

    def in_network_order(self, by_site: Mapping[str, T]) -> dict[str, T]:
        """What a record holds by site, from the first site to the last.

        JAX sorts names, so that older records have ``dense10`` in front of ``dense2``. What is no site comes
        last.
        """
        names = [site.name for site in self.sites if site.name in by_site]
        return {name: by_site[name] for name in dict.fromkeys([*names, *by_site])}

    @property
    def first_epochs_depend_on_all(self) -> bool:
        """Whether an epoch depends on how many follow: the cosine ends with the last of them."""
        return self.schedule == "cosine"

    def images(self) -> ImageShape:
        """What the network asks of images.

        Its shape is what ``digits`` are enlarged to: that of the published experiment for the MLP, for the
        others ``image_size``.
        """
        return ARCHITECTURES[self.model].images_of(self)

    def parsed_placement(self) -> Placement:
        """The placement as a value.

        Raises:
          ConfigError: the text is not a placement of this model.
        """
        try:
            return parse_placement(self.placement, self.sites, self.order, self.norm)
        except PlacementError as error:
            raise ConfigError(str(error)) from None


#: In the order of the help: network, data, training, files, fine-tuning.
FIELDS: tuple[dataclasses.Field, ...] = dataclasses.fields(Config)


@functools.cache
def names_with(role: Role) -> tuple[str, ...]:
    """The settings that have a role, or one of several."""
    return tuple(field.name for field in FIELDS if field.metadata["role"] & role)


def values_with(config: Config, role: Role) -> dict[str, Any]:
    """The same with their values."""
    return {name: getattr(config, name) for name in names_with(role)}
