"""The evaluation step and what it is made of: pure functions, compiled once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax import Array
from jaxtyping import Float, Int

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import Network
from bnjax.train.steps.step import scale_images
from bnjax.train.steps.sums import Sums, batch_sums


class UnitProbe(NamedTuple):
    """What an evaluation step saw of a unit's features.

    Attributes:
      largest_input: the activation's largest input over images and positions.
      active: the number of images on which that input is above 0 at some position.
    """

    largest_input: Float[Array, " features"]
    active: Int[Array, " features"]


#: What an evaluation step finds on a batch.
Found = tuple[Sums, dict[str, UnitProbe]]
#: What comes out of a network, or of its blocks so far, and what its units did.
Outputs = tuple[Float[Array, "batch *outputs"], dict[str, UnitProbe]]
EvalStep = Callable[[Any, Sequence[Any], Batch], list[Found]]
FeatureStep = Callable[[Any, Any, Batch], Outputs]


def _unit_probe(largest: Float[Array, "batch features"], batch: Batch) -> UnitProbe:
    """From the largest input on each image."""
    active = (largest > 0) & (batch.weights > 0)[:, None]
    return UnitProbe(largest.max(0), active.sum(0))


def make_eval_step(model: Network, scaling: InputScaling | None) -> EvalStep:
    """``step(params, statistics, batch) -> [(sums, probes), ...]``, without dropout.

    There is one for each of the statistics, ``batch_stats`` of one form. What lies before the first norm is
    the same for all: computed in one program, XLA computes it once. ``probes`` says of each unit, by its name
    in params, on what it was active. Copies that fill a batch up count nothing, and being copies they change
    no maximum.
    """
    return jax.jit(eval_function(model, scaling))


def make_feature_step(model: Network, scaling: InputScaling) -> FeatureStep:
    """The same of a network that ends with a block: ``step(...) -> (features, probes)``."""
    return jax.jit(feature_function(model, scaling))


def eval_function(model: Network, scaling: InputScaling | None, gates: Any = None) -> EvalStep:
    """What :func:`make_eval_step` compiles."""
    outputs = feature_function(model, scaling, gates)

    def by_one(params: Any, batch_stats: Any, batch: Batch) -> Found:
        logits, probes = outputs(params, batch_stats, batch)
        return batch_sums(logits, batch), probes

    def step(params: Any, statistics: Sequence[Any], batch: Batch) -> list[Found]:
        traced = jax.jit(by_one)  # once for all
        return [traced(params, batch_stats, batch) for batch_stats in statistics]

    return step


def feature_function(model: Network, scaling: InputScaling | None, gates: Any = None) -> FeatureStep:
    """What :func:`make_feature_step` compiles."""
    fixed = {} if gates is None else {"gates": gates}

    def step(params: Any, batch_stats: Any, batch: Batch) -> Outputs:
        images = scale_images(batch.images, scaling, model.compute_dtype or model.param_dtype)
        variables = {"params": params, "batch_stats": batch_stats, **fixed}
        outputs, sown = model.apply(variables, images, train=False, mutable=["probes"])
        probes = {
            unit: _unit_probe(values["activation_input_max"], batch)
            for unit, values in sown.get("probes", {}).items()  # none behind the last block
        }
        return outputs, probes

    return step
