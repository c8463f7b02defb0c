"""Where the files of a run lie."""

from pathlib import Path

from bnjax import records
from bnjax.settings.config import Config, resolve, run_id
from bnjax.settings.finetuning import source_config


def record_path(config: Config) -> Path:
    """The file of a run's records."""
    return Path(config.out_dir).expanduser() / run_id(config) / records.FILE_NAME


def variables_path(config: Config) -> Path:
    """The file of a run's final parameters and statistics."""
    return record_path(config).with_name(records.VARIABLES_NAME)


def source_folder(config: Config) -> Path:
    """Where the run of a config's ``pretrain`` lies."""
    return record_path(resolve(source_config(config))).parent
