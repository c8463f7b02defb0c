"""The training step: a pure function, compiled once, metrics as sums."""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.stages import Lowered
from jax.typing import ArrayLike
from jaxtyping import Float, Int, Num

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import Network
from bnjax.nn.norms.noise import streams
from bnjax.train.partition import join, limited, split
from bnjax.train.state import TrainState
from bnjax.train.steps.sums import Sums, batch_sums

StepFunction = Callable[[TrainState, Batch], tuple[TrainState, Sums]]
LoopFunction = Callable[[TrainState, Batch, Int[ArrayLike, "most batch"], int], tuple[TrainState, Sums]]


class TrainStep(Protocol):
    """A :data:`StepFunction` that ``jax.jit`` has wrapped."""

    def __call__(self, state: TrainState, batch: Batch, /) -> tuple[TrainState, Sums]: ...

    def lower(self, state: TrainState, batch: Batch, /) -> Lowered:
        """What can be compiled without taking a step."""


class TrainLoop(Protocol):
    """A :data:`LoopFunction` that ``jax.jit`` has wrapped."""

    def __call__(
        self, state: TrainState, examples: Batch, order: Int[ArrayLike, "most batch"], count: int, /
    ) -> tuple[TrainState, Sums]: ...

    def lower(
        self, state: TrainState, examples: Batch, order: Int[ArrayLike, "most batch"], count: int, /
    ) -> Lowered:
        """What can be compiled without taking a step."""


def scale_images(
    images: Num[ArrayLike, "batch *image"], scaling: InputScaling | None, dtype: Any
) -> Float[Array, "batch *image"]:
    """The network's inputs from images of uint8.

    Args:
      scaling: None for what comes out of a block and goes into the next one as it is.
    """
    if scaling is None:
        return jnp.asarray(images, dtype)
    mean, deviation = jnp.asarray(scaling.mean, dtype), jnp.asarray(scaling.deviation, dtype)
    return (jnp.asarray(images, dtype) - mean) / deviation


def make_train_step(
    model: Network,
    optimizer: optax.GradientTransformation,
    scaling: InputScaling | None,
    label_smoothing: float = 0.0,
) -> TrainStep:
    """``step(state, batch) -> (state, sums)``: one update by the mean loss of a batch.

    Statistics of the batch are those of the whole batch, however many devices share it. The state that
    is passed in is donated: it must not be used again.
    """
    step = step_function(model, optimizer, scaling, label_smoothing=label_smoothing)
    return jax.jit(step, donate_argnums=0)


def make_train_loop(
    model: Network,
    optimizer: optax.GradientTransformation,
    scaling: InputScaling | None,
    label_smoothing: float = 0.0,
) -> TrainLoop:
    """``loop(state, examples, order, count) -> (state, sums)``: many of those steps in one call.

    ``examples`` is the whole training set as one batch on the device, ``order`` int32 [most, batch size] the
    positions in it of each step's images, and ``count`` <= most how many steps to take; ``sums`` has arrays
    [most], zeros behind ``count``. The state is donated.

    For networks without convolutions: on CPU a small step's time is dispatch, which this saves, while
    convolutions in a loop are many times slower there.
    """
    step = step_function(model, optimizer, scaling, label_smoothing=label_smoothing)
    return jax.jit(loop_function(step, model), donate_argnums=0)


def loop_function(step: StepFunction, model: Network) -> LoopFunction:
    """What :func:`make_train_loop` compiles."""

    def loop(
        state: TrainState, examples: Batch, order: Int[ArrayLike, "most batch"], count: int
    ) -> tuple[TrainState, Sums]:
        positions = jnp.asarray(order)

        def body(number: Int[Array, ""], carry: tuple[TrainState, Sums]) -> tuple[TrainState, Sums]:
            state, kept = carry
            state, sums = step(state, jax.tree.map(lambda part: part[positions[number]], examples))
            return state, jax.tree.map(lambda all_steps, one: all_steps.at[number].set(one), kept, sums)

        most = len(positions)
        losses = jnp.zeros(most, jnp.promote_types(model.param_dtype, jnp.float32))
        nothing = Sums(losses, *(jnp.zeros(most, jnp.int32) for _ in range(3)))
        return jax.lax.fori_loop(0, count, body, (state, nothing))

    return loop


def training_loss(
    model: Network,
    scaling: InputScaling | None,
    state: TrainState,
    batch: Batch,
    gates: Any = None,
    label_smoothing: float = 0.0,
) -> tuple[Any, Any, Callable[[Any], tuple[Float[Array, ""], tuple[Sums, Any]]]]:
    """What a step differentiates: dropout draws, and norms use the batch's statistics.

    Returns:
      The trained parameters; the others; and the batch's mean loss as a function of the former, with the
      sums and the new running statistics beside it.
    """
    fixed = {} if gates is None else {"gates": gates}
    images = scale_images(batch.images, scaling, model.compute_dtype or model.param_dtype)
    dropout = jax.random.fold_in(state.key, state.step)
    trained, frozen = split(state.params, model)

    def mean_loss(trained: Any) -> tuple[Float[Array, ""], tuple[Sums, Any]]:
        logits, updated = model.apply(
            {"params": join(limited(trained, model), frozen), "batch_stats": state.batch_stats, **fixed},
            images,
            train=True,
            mutable=["batch_stats"],
            rngs=streams(dropout),
        )
        sums = batch_sums(logits, batch, label_smoothing)
        return sums.loss / sums.images, (sums, updated.get("batch_stats", {}))

    return trained, frozen, mean_loss


def step_function(
    model: Network,
    optimizer: optax.GradientTransformation,
    scaling: InputScaling | None,
    gates: Any = None,
    label_smoothing: float = 0.0,
) -> StepFunction:
    """What :func:`make_train_step` compiles.

    Args:
      gates: the ``gates`` collection of a gated model.
      label_smoothing: see :func:`bnjax.train.steps.sums.cross_entropies`; the sums' loss has it too.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Sums]:
        trained, frozen, mean_loss = training_loss(model, scaling, state, batch, gates, label_smoothing)
        gradients, (sums, batch_stats) = jax.grad(mean_loss, has_aux=True)(trained)
        updates, opt_state = optimizer.update(gradients, state.opt_state, trained)
        params = join(optax.apply_updates(trained, updates), frozen)
        state = state.replace(
            params=params, batch_stats=batch_stats, opt_state=opt_state, step=state.step + 1
        )
        return state, sums

    return step
