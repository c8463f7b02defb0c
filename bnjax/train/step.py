"""The training step and the evaluation step: pure functions, compiled once, metrics as sums."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jax.typing import ArrayLike

from bnjax.data import InputScaling
from bnjax.data.batches import Batch
from bnjax.models import Network
from bnjax.train.state import TrainState


class Sums(NamedTuple):
    """Sums over images: their loss (nats), how many were classified right, how many there were."""

    loss: Array
    correct: Array
    images: Array


@dataclass
class Totals:
    """The same sums on the host, over many batches, in float64."""

    loss: float = 0.0
    correct: int = 0
    images: int = 0

    def add(self, sums: Sums) -> None:
        """Waits for a step's sums and adds them."""
        loss, correct, images = jax.device_get(sums)
        self.loss += float(loss)
        self.correct += int(correct)
        self.images += int(images)

    @property
    def mean_loss(self) -> float:
        """Loss in nats per image."""
        return self.loss / self.images

    @property
    def accuracy(self) -> float:
        """Fraction classified right."""
        return self.correct / self.images


TrainStep = Callable[[TrainState, Batch], tuple[TrainState, Sums]]
EvalStep = Callable[[Any, Any, Batch], tuple[Sums, dict[str, Any]]]


def scale_images(images: ArrayLike, scaling: InputScaling, dtype: Any) -> Array:
    """uint8 [batch, height, width, channels] -> the network's inputs."""
    mean, deviation = jnp.asarray(scaling.mean, dtype), jnp.asarray(scaling.deviation, dtype)
    return (jnp.asarray(images, dtype) - mean) / deviation


def _sums(logits: Array, batch: Batch) -> Sums:
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
    right = logits.argmax(-1) == batch.labels
    # An image of weight 0 counts nothing even where its loss is not finite.
    counted = batch.weights > 0
    return Sums(jnp.where(counted, losses, 0).sum(), (right & counted).sum(), counted.sum())


def make_train_step(
    model: Network, optimizer: optax.GradientTransformation, scaling: InputScaling
) -> TrainStep:
    """``step(state, batch) -> (state, sums)``: one update by the mean loss of a batch.

    Statistics of the batch are those of the whole batch, however many devices share it. The state that
    is passed in is donated: it must not be used again.
    """

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, Sums]:
        images = scale_images(batch.images, scaling, model.param_dtype)
        dropout = jax.random.fold_in(state.key, state.step)

        def mean_loss(params: Any) -> tuple[Array, tuple[Sums, Any]]:
            logits, updated = model.apply(
                {"params": params, "batch_stats": state.batch_stats},
                images,
                train=True,
                mutable=["batch_stats"],
                rngs={"dropout": dropout},
            )
            sums = _sums(logits, batch)
            return sums.loss / sums.images, (sums, updated.get("batch_stats", {}))

        gradients, (sums, batch_stats) = jax.grad(mean_loss, has_aux=True)(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        state = state.replace(
            params=params, batch_stats=batch_stats, opt_state=opt_state, step=state.step + 1
        )
        return state, sums

    return jax.jit(step, donate_argnums=0)


def make_eval_step(model: Network, scaling: InputScaling) -> EvalStep:
    """``step(params, batch_stats, batch) -> (sums, probes)`` by running statistics, without dropout.

    ``probes`` holds what the units sow, see :class:`bnjax.nn.Unit`. Copies that fill a batch up count
    nothing in the sums, and being copies they change no maximum.
    """

    def step(params: Any, batch_stats: Any, batch: Batch) -> tuple[Sums, dict[str, Any]]:
        images = scale_images(batch.images, scaling, model.param_dtype)
        variables = {"params": params, "batch_stats": batch_stats}
        logits, sown = model.apply(variables, images, train=False, mutable=["probes"])
        return _sums(logits, batch), sown["probes"]

    return jax.jit(step)
