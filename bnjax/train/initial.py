"""The state before a run's first step: drawn from its seed, or with the weights that it starts from."""

from collections.abc import Callable

from bnjax.models import Network
from bnjax.settings.config import Config
from bnjax.settings.places import source_folder
from bnjax.train.state import TrainState
from bnjax.weights.source import read_weights, weights_file


def first_state(config: Config, model: Network, draw: Callable[[int], TrainState]) -> TrainState:
    """A run's state before its first step.

    Head and logits are those drawn from the seed if kernels are trained, else they come with the weights.

    Args:
      config: resolved.
      draw: makes a state from a seed.

    Raises:
      WeightsError: the weights are absent or do not fit.
      DataError: they cannot be downloaded.
    """
    weights = str(source_folder(config)) if config.pretrain else config.weights
    if weights == "none":
        return draw(config.seed)
    include_top = config.trained != "unfrozen"
    path = weights_file(weights, include_top)  # before anything is compiled
    state = draw(config.seed)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    read = read_weights(path, model, variables, include_top)
    return state.replace(params=read["params"], batch_stats=read.get("batch_stats", {}))
