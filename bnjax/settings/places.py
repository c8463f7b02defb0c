"""Where the files of a run lie."""

from pathlib import Path

from bnjax import records
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.finetuning import source_config
from bnjax.settings.identity import run_id


def expanded(path: str | Path) -> Path:
    """A path without ``~``.

    Raises:
      ConfigError: no folder is known that ``~`` could mean.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{path}: no home folder is known for ~ here; give the path without it") from None


def record_path(config: Config) -> Path:
    """The file of a run's records."""
    return expanded(config.out_dir) / run_id(config) / records.FILE_NAME


def variables_path(config: Config) -> Path:
    """The file of a run's final parameters and statistics."""
    return record_path(config).with_name(records.VARIABLES_NAME)


def source_folder(config: Config) -> Path:
    """Where the run of a config's ``pretrain`` lies."""
    return record_path(resolve(source_config(config))).parent
