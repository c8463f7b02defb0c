"""Settings checked and brought into canonical form, so that equal conditions are equal settings."""

import dataclasses
import re
from collections.abc import Collection
from pathlib import PurePath
from typing import Any

from bnjax.architectures import ARCHITECTURES
from bnjax.norm import NORMS, any_of_batch
from bnjax.plugins import is_loaded, load_plugin
from bnjax.probes import ALL, Need, chosen_probes
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.fields import ConfigError, check_field
from bnjax.settings.finetuning import canonical_classes, fine_tuning_changes

#: What ``momentum`` as an optimizer means where --momentum says nothing; the usual value.
USUAL_MOMENTUM = 0.9
#: What a data set's name starts with where it is a folder of images.
FOLDER = "folder:"
#: Norm modes and kinds of training that count the examples behind a statistic.
_OF_WHOLE_BATCHES = {"keras2-train", "pooled-statistics"}


def resolve(config: Config) -> Config:
    """The same settings checked and in canonical form, so that equal conditions are equal configs.

    The placement becomes its code and ``order``, now part of it, returns to its default; ``norm`` becomes
    the one that the placement has, or the first of several, and ``batch`` where it has none; the optimizer
    ``momentum`` becomes sgd with momentum; a decay of 0 acts on nothing; a folder of images loses
    the slash at its end; settings of other networks return to their defaults.

    Raises:
      ConfigError: a setting is out of its bounds or choices, or does not fit another one.
    """
    digest = _plugin_digest(config)  # first: it decides which networks there are
    numbers: dict[str, Any] = {
        f.name: float(getattr(config, f.name)) for f in FIELDS if isinstance(f.default, float)
    }
    config = dataclasses.replace(config, **numbers, plugin_digest=digest)
    for field in FIELDS:
        check_field(field, getattr(config, field.name))
    _check_network(config)
    if config.optimizer == "momentum":
        # A Config cannot tell a momentum of 0 from none; `bnjax.commands.parsing.defaults.configured` can.
        momentum = USUAL_MOMENTUM if config.momentum == Config.momentum else config.momentum
        config = dataclasses.replace(config, optimizer="sgd", momentum=momentum)
    changes = fine_tuning_changes(config) | _of_other_networks(config)
    changes["dataset"] = _canonical_dataset("dataset", config.dataset)
    if config.pretrain:
        changes["pretrain"] = _canonical_dataset("pretrain", config.pretrain)
    changes["classes"] = canonical_classes("classes", config.classes)
    changes["bn_batch"] = _canonical_bn_batch(config)
    changes["decay_all"] = config.decay_all and config.weight_decay > 0
    if config.optimizer != "adam" or not config.weight_decay:
        changes["adam_decay"] = Config.adam_decay
    checkpoint_pace(config.checkpoint_every)
    _check_probes(config)
    return dataclasses.replace(config, **changes, **_canonical_norms(config))


def _check_network(config: Config) -> None:
    """Holds the settings against what the network says of them."""
    network = ARCHITECTURES[config.model]
    if network.complaint and (wrong := network.complaint(config)):
        raise ConfigError(wrong)
    taken = network.activations
    if taken and config.activation not in taken:
        raise ConfigError(
            f"--activation={config.activation} is not one of {', '.join(taken)}, "
            f"which --model={config.model} takes"
        )


def _canonical_norms(config: Config) -> dict[str, Any]:
    """The placement as its code, and what says nothing beside it at its default.

    ``norm`` is what ``B`` in the code means; see :meth:`bnjax.placement.Placement.common_norm`.
    """
    placement = config.parsed_placement()
    present = placement.present_norms
    unread = {name for norm in NORMS.values() if norm.name not in present for name in norm.own_settings}
    if not present:
        unread.add("norm_noise")
    return {**_defaults({"order", *unread}), "placement": str(placement), "norm": placement.common_norm}


def _of_other_networks(config: Config) -> dict[str, Any]:
    """The settings that the network does not have at their defaults."""
    every = {name for network in ARCHITECTURES.values() for name in network.own_settings}
    return _defaults(every.difference(ARCHITECTURES[config.model].own_settings))


def _defaults(names: Collection[str]) -> dict[str, Any]:
    return {field.name: field.default for field in FIELDS if field.name in names}


def _plugin_digest(config: Config) -> str:
    """That of the file which the config names, imported; once it was, the file may lie elsewhere.

    Raises:
      PluginError: it cannot be imported, or has another digest than the config says.
      ConfigError: there is a digest, but no file.
    """
    digest = config.plugin_digest
    if digest and is_loaded(digest):
        return digest
    if config.plugin:
        return load_plugin(config.plugin, digest)
    if digest:
        raise ConfigError(f"--plugin_digest={digest}: give --plugin=FILE.py, the file that has this digest")
    return ""


def _check_probes(config: Config) -> None:
    flag = f"--probes={config.probes}"
    try:
        probes = chosen_probes(config.probes)
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from None
    needing = [probe.name for probe in probes if probe.needs & (Need.STATISTICS | Need.EVALUATION)]
    if needing and config.probes != ALL and not config.fresh_images:
        raise ConfigError(f"{flag}: {needing[0]} looks at fresh statistics, and --fresh_images=0 makes none")


def _canonical_bn_batch(config: Config) -> str:
    """Groups that share a batch evenly; one group is the whole batch."""
    text, size = config.bn_batch, config.batch_size
    norms = config.parsed_placement().present_norms
    if text != "global" and norms and not any_of_batch(norms):
        raise ConfigError(
            f"--bn_batch={text} is of statistics of a batch, and {' and '.join(norms)} norms have none"
        )
    whole = {config.norm_mode, config.trained_norm_mode, config.trained} & _OF_WHOLE_BATCHES
    if whole and text != "global":
        raise ConfigError(f"--bn_batch={text}: {min(whole)} is defined by the statistics of whole batches")
    if text in ("global", "device"):
        return text
    if not re.fullmatch(r"[0-9]{1,7}", text):
        raise ConfigError(f"--bn_batch={text} is neither global, device nor a number of images")
    group = int(text)
    if not group or size % group:
        raise ConfigError(f"--bn_batch={text} does not cut --batch_size={size} into even groups")
    return "global" if group == size else str(group)


def checkpoint_pace(text: str) -> tuple[int, float]:
    """Epochs and seconds between two checkpoints: one of them is 0, and both where writing decides.

    Args:
      text: of ``checkpoint_every``.

    Raises:
      ConfigError: it is neither a number of epochs nor of minutes.
    """
    matched = re.fullmatch(r"([0-9]{1,7})|([0-9]{1,6}(?:\.[0-9]{1,6})?)min", text)
    epochs, minutes = matched.groups() if matched else (None, None)
    if epochs is None and not float(minutes or 0):
        raise ConfigError(
            f"--checkpoint_every={text} is neither a number of epochs nor one of minutes such as 10min"
        )
    return int(epochs or 0), 60 * float(minutes or 0)


def _canonical_dataset(flag: str, dataset: str) -> str:
    """A folder loses the slash at its end; another colon than that of a version is refused."""
    if dataset.startswith(FOLDER):
        path = dataset.removeprefix(FOLDER)
        if not path.strip():
            raise ConfigError(f"--{flag}={dataset} names no folder; write --{flag}={FOLDER}PATH")
        return f"{FOLDER}{PurePath(path)}"
    _, colon, version = dataset.partition(":")
    if colon and not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ConfigError(
            f"--{flag}={dataset} is neither {FOLDER}PATH nor a name with a version such as cifar10:3.0.2"
        )
    return dataset
