"""What probes ask of the training loss around the parameters of a state, on one batch."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int
from optax.tree_utils import tree_vdot

from bnjax.data.batches import Batch
from bnjax.train.state import TrainState
from bnjax.train.steps.subject import Subject

Number = Float[Array, ""]
#: A batch's training loss, and its gradient by the trained parameters.
Start = tuple[Number, Any]


def start(subject: Subject, state: TrainState, statistics: Any, batch: Batch) -> Start:
    """What the others compare with: computed once, since it takes as long as they do."""
    trained, mean_loss = subject.loss(state, batch)
    return jax.value_and_grad(mean_loss)(trained)


def gradient_norms(subject: Subject, state: TrainState, start: Start, batch: Batch) -> dict[str, Number]:
    """Site -> the L2 norm of the training loss's gradient by its kernel, of the trained ones."""
    return {site: length(kernel) for site, kernel in subject.kernels(start[1]).items()}


def gradient_below(
    subject: Subject, state: TrainState, start: Start, batch: tuple[Batch, Int[Array, ""]]
) -> dict[str, tuple[Number, Number]]:
    """Site -> how its kernel's gradient differs once the units below have taken the step of the batch.

    Santurkar et al. 2018, definition 2.1: the site's own unit and those above it stay as they are.

    Args:
      batch: and the number of the first site that stays as it is; what is returned means something for it.

    Returns:
      L2 norm of the difference, and cosine between both gradients.
    """
    (images, first), (_, before) = batch, start
    trained, mean_loss = subject.loss(state, images)
    stepped = subject.stepped(trained, before, state)
    numbers = {unit: number for number, unit in enumerate(subject.units.values())}

    def below(unit: str) -> Bool[Array, ""] | bool:
        return numbers[unit] < first if unit in numbers else unit in subject.model.in_front

    mixed = {
        unit: jax.tree.map(
            lambda new, old, unit=unit: jnp.where(below(unit), new, old), stepped[unit], leaves
        )
        for unit, leaves in trained.items()
    }
    pairs = subject.kernels(before), subject.kernels(jax.grad(mean_loss)(mixed))
    return {site: _apart(pairs[0][site], pairs[1][site]) for site in pairs[0]}


def _apart(one: Float[Array, "*shape"], other: Float[Array, "*shape"]) -> tuple[Number, Number]:
    return length(other - one), jnp.vdot(one / length(one), other / length(other))


def along_gradient(
    subject: Subject, state: TrainState, start: Start, batch: tuple[Batch, Number]
) -> dict[str, Number]:
    """The training loss and its gradient after a step down the gradient, beside those before.

    Args:
      batch: and the step's rate: what multiplies the gradient.

    Returns:
      ``loss`` before, ``loss_there``, ``length`` of the gradient, and ``change``: the L2 distance of both
      gradients.
    """
    (images, rate), (loss, gradient) = batch, start
    trained, mean_loss = subject.loss(state, images)
    there = jax.tree.map(lambda leaf, slope: leaf - rate * slope, trained, gradient)
    loss_there, other = jax.value_and_grad(mean_loss)(there)
    change = jax.tree.map(jnp.subtract, other, gradient)
    return {"loss": loss, "loss_there": loss_there, "length": length(gradient), "change": length(change)}


def length(tree: Any) -> Number:
    """The L2 norm over all leaves, also of numbers whose squares leave float32."""
    leaves = jax.tree.leaves(tree)
    if not leaves:
        return jnp.zeros(())
    largest = jnp.stack([jnp.abs(leaf).max() for leaf in leaves]).max()
    scale = jnp.where((largest > 0) & jnp.isfinite(largest), largest, 1)
    scaled = jax.tree.map(lambda leaf: leaf / scale, tree)
    return scale * jnp.sqrt(tree_vdot(scaled, scaled))


def lanczos_step(
    subject: Subject, state: TrainState, carry: tuple[Any, Any, Number], batch: tuple[Batch, Int[Array, ""]]
) -> tuple[tuple[Any, Any, Number], Mapping[str, Number]]:
    """A step of Lanczos's method on the Hessian of the training loss by the trained parameters.

    Args:
      carry: the last direction, the next one, and what lies between them; begun anew at step 0.
      batch: and the number of the step.

    Returns:
      The next carry, and the step's ``diagonal`` and ``beside`` of the tridiagonal matrix.
    """
    images, number = batch
    trained, mean_loss = subject.loss(state, images)
    last, direction, between = carry
    first = _random_direction(trained)
    direction = jax.tree.map(lambda new, old: jnp.where(number == 0, new, old), first, direction)
    # Twice in reverse: kernels have gradients of their own, which forward mode would not take.
    image = jax.grad(lambda where: tree_vdot(jax.grad(mean_loss)(where), direction))(trained)
    diagonal = tree_vdot(image, direction)
    rest = jax.tree.map(lambda x, v, u: x - diagonal * v - between * u, image, direction, last)
    beside = length(rest)
    following = jax.tree.map(lambda leaf: leaf / jnp.where(beside > 0, beside, 1), rest)
    return (direction, following, beside), {"diagonal": diagonal, "beside": beside}


def _random_direction(tree: Any) -> Any:
    """Of length 1, always the same."""
    leaves, form = jax.tree.flatten(tree)
    keys = jax.random.split(jax.random.key(0), len(leaves))
    each = [jax.random.normal(key, leaf.shape, leaf.dtype) for key, leaf in zip(keys, leaves, strict=True)]
    drawn = jax.tree.unflatten(form, each)
    size = length(drawn)
    return jax.tree.map(lambda leaf: leaf / size, drawn)
