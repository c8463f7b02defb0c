"""Checks of the settings of fine-tuning, their canonical form, and what follows from them."""

import dataclasses
from pathlib import PurePath
from typing import Any

from bnjax.architectures import ARCHITECTURES
from bnjax.norm import any_of_batch
from bnjax.settings.config import Config, names_with
from bnjax.settings.fields import ConfigError, Role, in_float32
from bnjax.settings.freezing import Cut, Freezing


def freezing(config: Config) -> Freezing:
    """What of a config's network is trained, and what its norms do.

    Raises:
      ConfigError: the network cannot be cut where ``freeze_until`` says.
    """
    kernels: frozenset[str] = frozenset()
    norms = kernels
    if config.freeze_until:
        cut = Cut(config.freeze_until, config.model, config.sites)
        kernels, norms = cut.kernels, cut.norms
    modes = (config.norm_mode, config.trained_norm_mode)
    return Freezing(kernels, norms, config.train_norms, *modes, config.trained)


def fine_tuning_changes(config: Config) -> dict[str, Any]:
    """What brings a config's fine-tuning into canonical form.

    Raises:
      ConfigError: settings do not fit each other or the network.
    """
    changes: dict[str, Any] = {
        "pretrain_classes": canonical_classes("pretrain_classes", config.pretrain_classes)
    }
    if config.pretrain_classes and not config.pretrain:
        raise ConfigError(
            f"--pretrain_classes={config.pretrain_classes} is of the set that --pretrain names; it names none"
        )
    if config.freeze_until:
        changes["freeze_until"] = Cut(config.freeze_until, config.model, config.sites).text
    _check_frozen_part(config, bool(changes.get("freeze_until")))
    _check_modes(config)
    _check_trained(config)
    if config.precompute_frozen:
        _check_precomputable(config)
    if config.pretrain:
        return {**changes, "weights": "none"}
    return {**changes, "weights": _canonical_weights(config)}


def canonical_classes(flag: str, text: str) -> str:
    """Names and numbers of classes in one order, each once, so that equal choices are equal settings.

    Raises:
      ConfigError: there are fewer than two, or an empty one.
    """
    if not text:
        return ""
    chosen = {part.strip() for part in text.split(",")}
    if "" in chosen or len(chosen) < 2:
        raise ConfigError(f"--{flag}={text} is not a list of two classes or more, such as bird,cat,dog")
    numbers = sorted((name for name in chosen if name.isdecimal()), key=int)
    return ",".join([*numbers, *sorted(chosen - set(numbers))])


def _check_frozen_part(config: Config, frozen: bool) -> None:
    if not frozen:
        if config.norm_mode != "train":
            raise ConfigError(
                f"--norm_mode={config.norm_mode} is of the part that --freeze_until names, and it names "
                "none; --trained_norm_mode is of all other norms"
            )
        if config.train_norms:
            raise ConfigError("--train_norms is of the part that --freeze_until names, and it names none")
    modes = (config.norm_mode, config.trained_norm_mode)
    if "keras2-train" in modes and in_float32(config.norm_momentum) == 1:
        raise ConfigError(
            f"--norm_momentum={config.norm_momentum:g} leaves keras2-train nothing to divide by; it has to "
            "be below 1, in float32 too"
        )


def _check_modes(config: Config) -> None:
    """Refuses what is of running statistics where no norm has any."""
    norms = config.parsed_placement().present_norms
    if not norms or any_of_batch(norms):
        return
    asked = {"norm_mode": config.norm_mode, "trained_norm_mode": config.trained_norm_mode}
    flags = [f"--{flag}={mode}" for flag, mode in asked.items() if mode != "train"]
    if config.trained in ("statistics", "pooled-statistics"):
        flags.append(f"--trained={config.trained}")
    if flags:
        raise ConfigError(f"{flags[0]} is of running statistics, and {' and '.join(norms)} norms have none")


def _check_trained(config: Config) -> None:
    if config.trained == "unfrozen":
        return
    flag = f"--trained={config.trained}"
    if config.freeze_until:
        raise ConfigError(f"{flag} says what is trained, and so does --freeze_until={config.freeze_until}")
    if config.trained == "pooled-statistics" and config.trained_norm_mode != "train":
        raise ConfigError(
            f"{flag} says what norms do; --trained_norm_mode={config.trained_norm_mode} does too"
        )
    if config.trained == "two-weights" and config.weight_decay:
        raise ConfigError(f"{flag}: --weight_decay={config.weight_decay:g} would move the other weights, too")
    if config.trained != "two-weights" and set(config.parsed_placement().orders) == {"absent"}:
        raise ConfigError(f"{flag} needs a norm, and --placement={config.placement} has none")


def precomputed_block(config: Config) -> str:
    """The last block that ``precompute_frozen`` computes once; empty where it computes none.

    Raises:
      ConfigError: the network cannot be cut where ``freeze_until`` says.
    """
    if not (config.precompute_frozen and config.freeze_until):
        return ""
    return Cut(config.freeze_until, config.model, config.sites).last_block


def _check_precomputable(config: Config) -> None:
    """Refuses what lets an image meet the frozen part in another way from step to step."""
    flag, last = "--precompute_frozen", precomputed_block(config)
    if not config.freeze_until:
        raise ConfigError(f"{flag} is of the part that --freeze_until names, and it names none")
    if not last:
        raise ConfigError(
            f"{flag} computes whole blocks, and --freeze_until={config.freeze_until} ends inside the first"
        )
    if config.augment != "none":
        raise ConfigError(f"{flag}: --augment={config.augment} makes other images in every epoch")
    blocks = list(dict.fromkeys(site.block for site in config.sites))
    frozen = [site for site in config.sites if site.block in blocks[: blocks.index(last) + 1]]
    if config.dropout and any(site.drops for site in frozen):
        raise ConfigError(f"{flag}: --dropout={config.dropout} draws anew in every step, also in {last}")
    norms = config.parsed_placement().norms_at(frozen)
    if not norms:
        return
    if config.norm_noise:
        raise ConfigError(
            f"{flag}: --norm_noise={config.norm_noise:g} draws anew in every step, also in {last}"
        )
    of_batch = any_of_batch(norms)
    wanted = "it needs --norm_mode=inference --notrain_norms" if of_batch else "it needs --notrain_norms"
    if of_batch and config.norm_mode != "inference":
        mode = config.norm_mode
        raise ConfigError(f"{flag}: with --norm_mode={mode} frozen norms depend on the batch; {wanted}")
    if config.train_norms:
        raise ConfigError(f"{flag}: --train_norms changes the frozen part in every step; {wanted}")


def _canonical_weights(config: Config) -> str:
    """A path loses the slash at its end."""
    if config.weights == "imagenet" and not ARCHITECTURES[config.model].imagenet:
        offered = [name for name, architecture in ARCHITECTURES.items() if architecture.imagenet]
        raise ConfigError(
            f"--weights=imagenet: none with a published hash for {config.model}, only for "
            f"{', '.join(offered)}; give a file, the folder of a run, none, or --pretrain=DATASET"
        )
    return config.weights if config.weights in ("none", "imagenet") else str(PurePath(config.weights))


def source_config(config: Config) -> Config:
    """The run that ``pretrain`` asks for: the same network and training on the source set, nothing frozen."""
    without = {name: getattr(Config, name) for name in names_with(Role.TARGET)}
    source: dict[str, Any] = {
        "dataset": config.pretrain,
        "classes": config.pretrain_classes,
        "epochs": config.pretrain_epochs,
        "study": "",
        "keep_state": True,
    }
    return dataclasses.replace(config, **{**without, **source})
