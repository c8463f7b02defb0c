"""Whether norms have enough values to train on, from shapes alone."""

from functools import partial

import jax
import jax.numpy as jnp

from bnjax.data import Dataset
from bnjax.models import Network, build_model
from bnjax.models.build import norm_group
from bnjax.models.network import unit_name
from bnjax.nn.norms import SingleValueError
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError


def check_norm_groups(config: Config, dataset: Dataset) -> None:
    """Refuses norms that would train on one value per channel: dense units, or maps of 1x1, of one image.

    Raises:
      ConfigError: names the site, and what would be accepted.
    """
    if (norm_group(config) or config.batch_size) > 1:
        return
    # Of the placement alone: a gated network has norms that are switched off.
    model = build_model(config, dataset.num_classes).clone(norm_group=0)
    try:
        jax.eval_shape(partial(_train_on_one, model), jnp.zeros((1, *dataset.train.image_shape)))
    except SingleValueError as error:
        unit = str(error).partition("/")[0]
        site = next(site.name for site in model.sites if unit_name(site.name) == unit)
        given = f"--batch_size={config.batch_size}"
        if config.batch_size > 1:
            given = f"--bn_batch={config.bn_batch} with {given}"
        raise ConfigError(
            f"{given}: the norm at {site} has one value per channel in training, so its output would be its "
            "bias; it needs groups of 2 images or more, whose running variance is (n - 1) / n of the true one"
        ) from None


def _train_on_one(model: Network, image: jax.Array) -> jax.Array:
    key = jax.random.key(0)
    variables = model.init(key, image)
    return model.apply(variables, image, train=True, mutable=True, rngs={"dropout": key})[0]
