"""Which settings runs have to have in common to share a compiled program, or the images in memory."""

from collections.abc import Hashable
from typing import Any

from bnjax.settings.config import Config
from bnjax.settings.identity import identity

#: Settings that a gated program takes as values; all others but the following are compiled in.
TRACED_SETTINGS = ("placement", "order", "dropout", "negative_slope", "learning_rate")
#: Settings that no program depends on.
_NEVER_COMPILED_IN = (
    "seed",
    "epochs",
    "recipe",
    "dataset",
    "classes",
    "validation",
    "train_images",
    "test_images",
    "shuffle",
    "input_scale",
    "weights",
    "pretrain",
    "pretrain_classes",
    "pretrain_epochs",
)


def program_settings(config: Config, gated: bool) -> tuple[tuple[str, Any], ...]:
    """The settings of a resolved config that its program has built in: equal ones, one program.

    Args:
      gated: whether placements, rates and slopes are traced.
    """
    free = {*_NEVER_COMPILED_IN, *(TRACED_SETTINGS if gated else ())}
    if config.first_epochs_depend_on_all:
        free.remove("epochs")
    built_in = identity(config)
    if config.precompute_frozen:  # another program to the same end
        built_in["precompute_frozen"] = True
    built_in["kernels"] = config.kernels
    if gated:  # gates switch norms on and off, and make none into another
        built_in["norm"] = config.parsed_placement().norms_or(config.norm)
    return tuple((name, value) for name, value in sorted(built_in.items()) if name not in free)


def data_settings(config: Config) -> tuple[Hashable, ...]:
    """The settings that decide which images a run sees: equal ones, one data set in memory."""
    names = ("dataset", "classes", "data_dir", "image_size", "bad_images", "validation")
    counts = ("train_images", "test_images")
    return tuple(getattr(config, name) for name in (*names, *counts, "model"))
