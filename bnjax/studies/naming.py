"""What conditions are called, everywhere: as somebody would type them, by what tells them apart."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bnjax.settings.config import FIELDS, Config
from bnjax.studies.typed import base_of, spoken, typed_placement

#: Told wherever it differs: no recipe's value of it is the usual one.
_NUMBERS = ("seed",)


def condition_names(configs: Sequence[Config], untold: Collection[str] = ()) -> dict[Config, str]:
    """The name of each of several conditions: ``conv,dense, dropout 0.4, seed 2``.

    It is the placement, and what else is not as in the recipe, of the settings that these configs differ in.

    Args:
      configs: in canonical form.
      untold: settings that something else tells.
    """
    varied = varied_settings(configs, untold)
    return {config: ", ".join([typed_placement(config), *_apart(config, varied)]) for config in configs}


def varied_settings(configs: Sequence[Config], untold: Collection[str] = ()) -> list[str]:
    """The settings beside the placement that configs differ in, in the order of the help."""
    named = [field.name for field in FIELDS if field.metadata["identity"]]
    first, *others = configs
    return [
        name
        for name in named
        if name not in {"placement", *untold}
        and any(getattr(other, name) != getattr(first, name) for other in others)
    ]


def usual_settings(config: Config) -> Mapping[str, Any]:
    """What a condition has where its name says nothing: the settings of its study's recipe.

    A name tells the recipe itself where it is not the published one.
    """
    return {**vars(base_of(config.study, config.recipe)), "recipe": Config.recipe}


def _apart(config: Config, varied: Sequence[str]) -> list[str]:
    usual = usual_settings(config)
    return [
        spoken(name, getattr(config, name))
        for name in varied
        if name in _NUMBERS or getattr(config, name) != usual[name]
    ]


def unnamed(configs: Sequence[Config]) -> str:
    """What names leave out, of conditions that differ in it: ``dropout 0.0``; empty where they tell all.

    Args:
      configs: in canonical form.
    """
    told = [name for name in varied_settings(configs) if name not in _NUMBERS]
    usual = [usual_settings(config) for config in configs]
    return ", ".join(
        spoken(name, usual[0][name])
        for name in told
        if {settings[name] for settings in usual} == {usual[0][name]}
        and any(getattr(config, name) == usual[0][name] for config in configs)
    )
