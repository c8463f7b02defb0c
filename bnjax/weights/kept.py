"""The final variables of a run, kept beside its records."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from bnjax.checksummed import read_arrays, write_arrays
from bnjax.models import Network
from bnjax.models.network import HEAD, LOGITS
from bnjax.settings.fields import WeightsError

_COLLECTIONS = ("params", "batch_stats")


def keep_variables(path: Path, variables: dict[str, Any]) -> None:
    """Writes params and batch_stats, by names such as ``params/block1_conv1/kernel``.

    Raises:
      OSError: they cannot be written.
    """
    leaves = flatten_dict({name: variables.get(name, {}) for name in _COLLECTIONS})
    write_arrays(path, {"/".join(keys): np.asarray(leaf) for keys, leaf in leaves.items()})


def read_run_weights(
    path: Path, model: Network, variables: dict[str, Any], *, include_top: bool
) -> dict[str, Any]:
    """The variables that a run of the same network has kept.

    Args:
      path: of the file.
      model: with norms at the same sites.
      variables: of the model, as from ``model.init``.
      include_top: whether head and logits are read too, else they stay as they are.

    Returns:
      The variables with all that the file holds, in their own dtypes.

    Raises:
      WeightsError: the file is damaged, or of another network; names what does not fit.
      OSError: it cannot be read.
    """
    stored = read_arrays(path)
    if stored is None:
        raise WeightsError(f"{path} is damaged")
    leaves = flatten_dict(variables)
    used = flatten_dict({name: model.used(variables.get(name, {})) for name in _COLLECTIONS})
    wanted = {keys for keys in used if _counts(keys, include_top)}
    stored_keys = {keys for keys in (tuple(name.split("/")) for name in stored) if _counts(keys, include_top)}
    for keys in sorted(wanted ^ stored_keys):
        where = "the network has none" if keys in stored_keys else f"{path} has none"
        raise WeightsError(f"{path} is of another network: {'/'.join(keys)}, {where}")
    for keys in sorted(stored_keys):
        array = stored["/".join(keys)]
        if array.shape != leaves[keys].shape:
            raise WeightsError(
                f"{path}: {'/'.join(keys)} has shape {array.shape} instead of {leaves[keys].shape}"
            )
        leaves[keys] = jnp.asarray(array, leaves[keys].dtype)
    return unflatten_dict(leaves)


def _counts(keys: tuple[str, ...], include_top: bool) -> bool:
    """Norms that count batches start anew with every run."""
    return keys[-1] != "count" and (include_top or keys[1] not in (HEAD, LOGITS))
