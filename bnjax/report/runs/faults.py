"""What keeps a file of records from being used, in words."""

from typing import Any

from bnjax import records
from bnjax.architectures import ARCHITECTURES
from bnjax.probes import PROBES, Need, known_probes
from bnjax.record_rules import shown, type_name
from bnjax.schema import EpochRecord, Record, RunRecord
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.finetuning import freezing
from bnjax.settings.identity import id_of_resolved

#: Settings without which a run cannot be told from another.
_NEEDED = {"model", "placement", "dataset", "recipe", "epochs", "seed"}


def fault(reading: records.RecordFile) -> str:
    """Why a file cannot be used, in words; empty where it can be."""
    if reading.bad:
        return reading.bad
    if not reading.records:
        return f"{reading.path}: {'nothing but a torn line' if reading.torn else 'empty'}"
    if reading.out_of_order:
        return reading.out_of_order
    wrong = _wrong_settings(reading.run)
    if wrong:
        return f"{reading.path}, line {reading.lines[0]}: run record: {wrong}"
    config = config_of_record(reading.run)
    for number, record in zip(reading.lines, reading.records, strict=True):
        if record["kind"] == "run":
            config = config_of_record(record)  # a run that goes on may be asked for other probes
        if wrong := _wrong_sites(record, config) or _wrong_nulls(record, config):
            return f"{reading.path}, line {number}: epoch record: {wrong}"
    return _of_two_versions(reading)


def _of_two_versions(reading: records.RecordFile) -> str:
    """All epochs or none: the first version did not record these, and a report may ask any epoch for them."""
    for name, lacks in (("train_batch_accuracy", _lacks_batches), ("dying.*.active", _lacks_active)):
        found = [
            (lacks(record), number)
            for number, record in zip(reading.lines, reading.records, strict=True)
            if record["kind"] == "epoch" and record["status"] == "ok"
        ]
        if len({lacking for lacking, _ in found}) > 1 or any(lacking is None for lacking, _ in found):
            number = next(number for lacking, number in found if lacking in (True, None))
            return f"{reading.path}, line {number}: epoch record: lacks {name}, which others have"
    return ""


def _lacks_batches(epoch: EpochRecord) -> bool:
    return not epoch.get("train_batch_accuracy")


def _lacks_active(epoch: EpochRecord) -> bool | None:
    """None where only some sites lack it."""
    lacking = {"active" not in site for site in epoch["dying"].values()}
    return None if len(lacking) > 1 else True in lacking


def _wrong_sites(record: Record, config: Config) -> str:
    """Probes name sites of the network; one of units every site with an activation.

    But for those of a frozen part that is computed once.
    """
    if record["kind"] != "epoch":
        return ""
    whole = record["status"] == "ok" and not config.precompute_frozen
    chosen = known_probes(str(config.probes))
    for name, probe in PROBES.items():
        found: Any = record.get(name, {})
        if probe.by_site and (foreign := found.keys() - {site.name for site in config.sites}):
            return f"{name} names {shown(min(foreign))}, and {config.model} has no such site"
        looked = bool(found) or (probe in chosen and probe.is_free)
        if whole and name in record and Need.ACTIVATIONS in probe.needs and looked:
            lacking = {site.name for site in config.sites if site.activates} - found.keys()
            if lacking:
                return f"{name} lacks {min(lacking)!r}"
    return ""


def _wrong_nulls(record: Record, config: Config) -> str:
    """No count of flat units is null where the kernel is trained."""
    dying: Any = record.get("dying", {}) if record["kind"] == "epoch" else {}
    nulls = {site for site, counts in dying.items() if counts["flat"] is None}
    if nulls and (wrong := nulls - untrained(config)):
        return f"dying.{min(wrong)}.flat is null, and that kernel is trained"
    return ""


def untrained(config: Config) -> set[str]:
    """The sites whose kernels are not trained."""
    if not config.freeze_until and config.trained == Config.trained:
        return set()
    frozen = freezing(config)
    return {site.name for site in config.sites if not frozen.trains(site.name, of_norm=False)}


def _wrong_settings(run: RunRecord) -> str:
    config = run["config"]
    if lacking := sorted(_NEEDED - config.keys()):
        return f"config lacks {', '.join(lacking)}"
    for field in FIELDS:
        value = config.get(field.name, field.default)
        if field.metadata["identity"] and type(value) is not type(field.default):
            return f"config.{field.name} is {shown(value)}, not {type_name(type(field.default))}"
    if config["model"] not in ARCHITECTURES:
        return f"there is no network {shown(config['model'])}; --plugin=FILE.py names the file that brings it"
    if id_of_resolved(config_of_record(run)) != run["run_id"]:
        return (
            f"config is not that of run {shown(run['run_id'])}: a setting was changed, or comes from "
            "a later version"
        )
    return ""


def config_of_record(run: RunRecord) -> Config:
    """The settings in a ``run`` record; those that an earlier bnjax did not have are at their defaults."""
    known = {field.name for field in FIELDS}
    return Config(**{name: value for name, value in run["config"].items() if name in known})
