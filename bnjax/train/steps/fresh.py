"""Fresh statistics: running statistics computed anew from training images, with the weights as they are.

What training left behind lags behind the weights; see Wu and Johnson 2021, section 3 ("PreciseBN"). A copy of
the statistics is made: the run's own ones stay as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from bnjax.data import Images, InputScaling
from bnjax.data.batches import Batch, SpreadOrder, spread_batches
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.nn.norms.noise import streams
from bnjax.settings.config import Config
from bnjax.train.feeding import Feeding
from bnjax.train.state import TrainState
from bnjax.train.steps.step import scale_images

#: Where the setting leaves it open: this many images, and at most one in this many of few training images.
_IMAGES, _PART_OF_FEW = 1000, 5


#: ``step(state, statistics, number, batch)``: the statistics after one more batch; number 0 begins anew.
FreshStep = Callable[[TrainState, Any, Any, Batch], Any]


def make_fresh_step(model: Network, scaling: InputScaling | None) -> FreshStep:
    """What computes fresh statistics, compiled."""
    return jax.jit(fresh_function(model, scaling))


def pooling(model: Network) -> Network:
    """The network whose norms pool the statistics of all images that they see, by whole batches."""
    return model.clone(freezing=replace(model.freezing, pooling=True), norm_group=0)


def pooled_units(model: Network) -> set[str]:
    """The units whose norms get fresh statistics: not those that normalise by running ones in training."""
    freezing = pooling(model).freezing
    return {unit_name(site.name) for site in model.sites if freezing.norm_mode(site.name) == "pooled"}


def reads_fresh(model: Network, batch_stats: Mapping[str, Any]) -> bool:
    """Whether evaluation depends on statistics that could be fresh ones."""
    return bool(pooled_units(model) & model.used(dict(batch_stats)).keys())


def fresh_function(model: Network, scaling: InputScaling | None, gates: Any = None) -> FreshStep:
    """What :func:`make_fresh_step` compiles.

    As in training, dropout draws; its key is no training step's.
    """
    pooled, fixed = pooling(model), {} if gates is None else {"gates": gates}
    units = pooled_units(model)

    def step(state: TrainState, statistics: Any, number: Any, batch: Batch) -> Any:
        images = scale_images(batch.images, scaling, model.compute_dtype or model.param_dtype)
        dropout = jax.random.fold_in(jax.random.fold_in(state.key, state.step), number)

        def begun(leaf: Any) -> Any:
            return jnp.where(number == 0, 0, leaf)

        before = {
            unit: jax.tree.map(begun, parts) if unit in units else parts for unit, parts in statistics.items()
        }
        _, updated = pooled.apply(
            {"params": state.params, "batch_stats": before, **fixed},
            images,
            train=True,
            mutable=["batch_stats"],
            rngs=streams(dropout),
        )
        return updated["batch_stats"]

    return step


def counting(model: Network, state: TrainState) -> Any:
    """A state's ``batch_stats`` in the form of those of norms that pool, which count images.

    The count is any number that lies where the statistics do: the first step begins anew.
    """
    units = pooled_units(model)
    return {
        unit: {part: {**leaves, "count": state.step} for part, leaves in parts.items()}
        if unit in units
        else parts
        for unit, parts in state.batch_stats.items()
    }


def fresh_order(config: Config, images: int) -> SpreadOrder | None:
    """The training images that fresh statistics are computed from, in batches of the training's size.

    Args:
      images: how many training images there are, one batch at least.

    Returns:
      None where the config asks for none.
    """
    if not config.fresh_images:
        return None
    asked = config.fresh_images if config.fresh_images > 0 else min(_IMAGES, images // _PART_OF_FEW)
    batches = max(1, min(asked, images) // config.batch_size)
    return SpreadOrder(images, batches * config.batch_size, config.batch_size, config.seed)


@dataclass(frozen=True)
class FreshStatistics:
    """Computes the fresh statistics of a state, or of the stacked states of lanes.

    Attributes:
      step: compiled for one state, or for stacked ones.
      model: what it computes.
      order: the training images that count.
    """

    step: FreshStep
    model: Network
    feeding: Feeding
    order: SpreadOrder

    def of(self, state: TrainState, train: Images, epoch: int) -> Any:
        """In the form of the state's ``batch_stats``.

        Args:
          epoch: from 1; whose random crops are taken.
        """
        statistics = counting(self.model, state)
        rows = self.feeding.rows(self.order.batch_size)
        for number, batch in enumerate(spread_batches(train, self.order, epoch, rows)):
            statistics = self.step(state, statistics, number, self.feeding.placed(batch))
        return _in_form_of(state.batch_stats, statistics)


def _in_form_of(model: Any, tree: Any) -> Any:
    """Of a tree of dicts, what another one has too; so the same compiled evaluation takes either."""
    if not isinstance(model, Mapping):
        return tree
    return {name: _in_form_of(part, tree[name]) for name, part in model.items()}
