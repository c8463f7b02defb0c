"""Whether norms can do anything with what they are given, from shapes alone."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Float

from bnjax.data import Dataset
from bnjax.models import Network, build_model
from bnjax.models.build import norm_group
from bnjax.models.network import unit_name
from bnjax.nn.norms import NormShapeError
from bnjax.nn.norms.noise import streams
from bnjax.nn.weight_standardisation import SingleWeightError
from bnjax.norm import NORMS
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError


def check_norm_groups(config: Config, dataset: Dataset) -> None:
    """Refuses norms that have nothing to normalise, or channels that cannot be cut into groups.

    And kernels with one weight for each feature, which Weight Standardization leaves nothing of. Norms of a
    batch train on one value per channel in dense units, or maps of 1x1, of one image.

    Raises:
      ConfigError: names the site, and what would be accepted.
    """
    together = norm_group(config) or config.batch_size
    placement = config.parsed_placement()
    of_batches = all(NORMS[norm].of_batch for norm in placement.present_norms)
    if together > 1 and of_batches and not config.weight_standardisation:
        return
    # Of the placement alone: a gated network has norms that are switched off.
    model = build_model(config, dataset.num_classes).clone(norm_group=0)
    try:
        jax.eval_shape(partial(_train_on, model), jnp.zeros((min(together, 2), *dataset.train.image_shape)))
    except SingleWeightError as error:
        site = next(site.name for site in model.sites if f"'{unit_name(site.name)}'" in str(error))
        raise ConfigError(
            f"--weight_standardisation: at {site} a feature has 1 weight, of which nothing would be left; "
            "leave it out, or let the layer below have more units"
        ) from None
    except NormShapeError as error:
        place, _, complaint = str(error).partition(": ")
        site = next(site.name for site in model.sites if place == f"{unit_name(site.name)}/norm")
        norm = placement.norm_at(site)
        if not NORMS[norm].of_batch:
            raise ConfigError(f"--norm={norm}: at {site}, {complaint}") from None
        given = f"--batch_size={config.batch_size}"
        if config.batch_size > 1:
            given = f"--bn_batch={config.bn_batch} with {given}"
        raise ConfigError(
            f"{given}: the norm at {site} has one value per channel in training, so its output would be its "
            "bias; it needs groups of 2 images or more, whose running variance is (n - 1) / n of the true one"
        ) from None


def _train_on(model: Network, images: Float[jax.Array, "batch *image"]) -> Float[jax.Array, "batch classes"]:
    key = jax.random.key(0)
    variables = model.init(key, images)
    return model.apply(variables, images, train=True, mutable=True, rngs=streams(key))[0]
