"""One run's settings as a flat frozen dataclass.

The defaults are those of the recipe ``published`` of the CIFAR-10 study; the other recipes are written as
differences from them in :mod:`bnjax.studies`. Flags are made from the fields of its parts, so a setting, its
help, its choices and its bounds stand in one place.
"""

import dataclasses
from dataclasses import dataclass

from bnjax.architectures.sites import MODEL_IMAGES, Images, Site, mobilenetv2_smallest_side, model_sites
from bnjax.placement import Placement, PlacementError, parse_placement
from bnjax.settings.data import DataSettings
from bnjax.settings.fields import ConfigError
from bnjax.settings.files import FileSettings
from bnjax.settings.finetuning_settings import FineTuningSettings
from bnjax.settings.network import NetworkSettings
from bnjax.settings.training import TrainingSettings


@dataclass(frozen=True)
class Config(FineTuningSettings, FileSettings, TrainingSettings, DataSettings, NetworkSettings):
    """Everything that decides the result of one run, and where its files lie."""

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites of this config's model."""
        return model_sites(self.model, self.hidden_layers)

    @property
    def first_epochs_depend_on_all(self) -> bool:
        """Whether an epoch depends on how many follow: the cosine ends with the last of them."""
        return self.schedule == "cosine"

    def images(self) -> Images:
        """What the network asks of images.

        Its shape is what ``digits`` are enlarged to: that of the published experiment for the MLP, for the
        others ``image_size``.
        """
        images = MODEL_IMAGES[self.model]
        if self.model == "mlp":
            return images
        smallest_side = images.smallest_side
        if self.model == "mobilenetv2":
            smallest_side = mobilenetv2_smallest_side(self.halvings, self.stride_padding)
        return Images((self.image_size, self.image_size, images.shape[-1]), smallest_side)

    def parsed_placement(self) -> Placement:
        """The placement as a value.

        Raises:
          ConfigError: the text is not a placement of this model.
        """
        try:
            return parse_placement(self.placement, self.sites, self.order)
        except PlacementError as error:
            raise ConfigError(str(error)) from None


#: In the order of the help: network, data, training, files, fine-tuning.
FIELDS: tuple[dataclasses.Field, ...] = dataclasses.fields(Config)
