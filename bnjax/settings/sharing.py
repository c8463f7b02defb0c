"""Which settings runs have to have in common to share a compiled program, or the images in memory."""

from collections.abc import Hashable

from bnjax.settings.config import Config, values_with
from bnjax.settings.fields import Role


def program_settings(config: Config, gated: bool) -> tuple[Hashable, ...]:
    """What a resolved config's program has built in: where it is equal, so is the program.

    Args:
      gated: whether placements, rates and slopes are values of the program.
    """
    compiled = Role.PROGRAM if gated else Role.PROGRAM | Role.TRACED
    epochs = config.epochs if config.first_epochs_depend_on_all else None
    # Gates switch norms on and off, and make none into another.
    norms = config.parsed_placement().norms_or(config.norm) if gated else ()
    return (epochs, norms, *values_with(config, compiled).items())


def data_settings(config: Config) -> tuple[Hashable, ...]:
    """What decides which images a run sees: where it is equal, one data set in memory serves."""
    return (config.images(), *values_with(config, Role.DATA).items())
