"""Groups of ``--bn_batch=device``, whose size hangs on the devices and not on the config. Imports no JAX."""

from bnjax import records
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.places import record_path


def check_groups(config: Config, devices: int) -> None:
    """Compares the groups of a run that was begun or made before with those that it would have now.

    Args:
      devices: how many there are now; 0 where nobody knows.

    Raises:
      ConfigError: they are of another size.
      RecordError, OSError: its records cannot be read.
    """
    if config.bn_batch != "device" or not devices:
        return
    path = record_path(config)
    runs = [record for record in records.read(path) if record["kind"] == "run"]
    before = runs[-1]["device"]["count"] if runs else devices
    if before != devices:
        group, now = config.batch_size // before, config.batch_size // devices
        plural = "s" if devices > 1 else ""
        raise ConfigError(
            f"--bn_batch=device: {path} was made with groups of {group} images, and on {devices} "
            f"device{plural} they would have {now}; --bn_batch={group} takes such groups on any devices, "
            "and --overwrite runs this one again"
        )
