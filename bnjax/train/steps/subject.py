"""What is observed: a network, and how it is trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import optax
from jax import Array
from jaxtyping import Float

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import Network
from bnjax.models.network import unit_name
from bnjax.train.optimizer import updater_state
from bnjax.train.state import TrainState
from bnjax.train.steps.step import scale_images, training_loss


@dataclass(frozen=True)
class Subject:
    """A network as one run trains it.

    Attributes:
      updater: makes an update of a gradient, see :func:`bnjax.train.optimizer.make_updater`.
      scaling: of images; None for what comes out of a block.
      gates: of a gated network.
      label_smoothing: of the training loss.
    """

    model: Network
    updater: optax.GradientTransformation
    scaling: InputScaling | None
    gates: Any = None
    label_smoothing: float = 0.0

    @property
    def units(self) -> dict[str, str]:
        """Site -> the name of its unit, in the order in which data meets them."""
        return {site.name: unit_name(site.name) for site in self.model.sites}

    def images(self, batch: Batch) -> Float[Array, "batch *image"]:
        """What goes into the network."""
        return scale_images(batch.images, self.scaling, self.model.compute_dtype or self.model.param_dtype)

    def variables(self, params: Any, statistics: Any) -> dict[str, Any]:
        """What the network is applied to."""
        fixed = {} if self.gates is None else {"gates": self.gates}
        return {"params": params, "batch_stats": statistics, **fixed}

    def loss(self, state: TrainState, batch: Batch) -> tuple[Any, Callable[[Any], Float[Array, ""]]]:
        """The trained parameters, and the batch's mean loss as a function of them.

        As in training, dropout draws and norms use the batch's statistics, which change nothing here.
        """
        trained, _, loss = training_loss(
            self.model, self.scaling, state, batch, self.gates, self.label_smoothing
        )
        return trained, lambda trained: loss(trained)[0]

    def stepped(self, trained: Any, gradient: Any, state: TrainState) -> Any:
        """The trained parameters after the update that this gradient makes.

        Where several batches make one update it stands for their mean, whichever of them is next.
        """
        return optax.apply_updates(
            trained, self.updater.update(gradient, updater_state(state.opt_state), trained)[0]
        )

    def kernels(self, tree: Mapping[str, Any]) -> dict[str, Float[Array, "*sides inputs features"]]:
        """Site -> what a tree like the trained parameters has for its kernel, where that is trained."""
        kernels = {site: tree.get(unit, {}).get("kernel") for site, unit in self.units.items()}
        return {site: kernel for site, kernel in kernels.items() if kernel is not None}
