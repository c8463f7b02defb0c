"""What an experiment's settings are where they are not given: the one place where settings stand for others.

A recipe brings its own settings, the optimizer ``momentum`` brings a momentum, another network than the
recipe's brings its own image size and norm, and some a scale of images. Flags and the conditions of a sweep
are expanded alike.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from bnjax.architectures import ARCHITECTURES
from bnjax.settings.canonical import USUAL_MOMENTUM
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.fields import check_field
from bnjax.studies import recipe

_RECIPE = next(field for field in FIELDS if field.name == "recipe")


def configured(experiment: str, given: Mapping[str, Any]) -> Config:
    """An experiment's recipe with the given settings, and what these stand for, in its place.

    Args:
      experiment: whose recipes count, see :mod:`bnjax.studies`.
      given: by flags and conditions. What is given wins over what another given setting brings.

    Raises:
      ConfigError: there is no such recipe.
    """
    check_field(_RECIPE, given.get("recipe", Config.recipe))
    base = recipe(experiment, given.get("recipe", Config.recipe))
    settings = {**_brought(base, given), **given}
    if given.get("optimizer") == "momentum":
        settings["optimizer"] = "sgd"
    return dataclasses.replace(base, **settings)


def _brought(base: Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """What given settings bring with them: defaults that take the place of the recipe's."""
    brought: dict[str, Any] = {}
    if given.get("optimizer") == "momentum":
        brought["momentum"] = USUAL_MOMENTUM
    if given.get("model", base.model) in ARCHITECTURES.keys() - {base.model}:
        network = ARCHITECTURES[given["model"]]
        brought |= {"image_size": _image_size(base, network.name), "norm": network.norm}
        if network.input_scale:
            brought["input_scale"] = network.input_scale
    if given.get("trained", base.trained) != base.trained:
        brought |= {"freeze_until": "", "train_norms": False}
    if given.get("freeze_until") == "":
        brought["train_norms"] = False
    return brought


def _image_size(base: Config, model: str) -> int:
    """That of the network; where the recipe leaves the size open, 32 stays if it is large enough."""
    usual, own = Config.image_size, ARCHITECTURES[model].images
    sized = ARCHITECTURES[model].follows_image_size
    if not sized or (base.image_size == usual and own.smallest_side <= usual):
        return usual
    return own.shape[0]
