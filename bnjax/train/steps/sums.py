"""What steps tell of their images: sums, which are divided once, over all of them."""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from bnjax.data.batches import Batch

#: Guesses that top-5 accuracy allows; with this many classes, or fewer, they are always right.
TOP = 5


class Sums(NamedTuple):
    """Sums over a batch's images, of one step, or of several.

    Attributes:
      loss: in nats.
      correct: how many were classified right.
      images: how many there were.
      in_top5: for how many fewer than five classes were rated above the right one.
    """

    loss: Float[Array, "*steps"]
    correct: Int[Array, "*steps"]
    images: Int[Array, "*steps"]
    in_top5: Int[Array, "*steps"]


@dataclass
class Totals:
    """The same sums on the host, over many batches, in float64, and each batch's accuracy."""

    loss: float = 0.0
    correct: int = 0
    images: int = 0
    in_top5: int = 0
    batch_accuracies: list[float] = field(default_factory=list)

    def add(self, sums: Sums) -> None:
        """Waits for the sums of one step, or of several, and adds them."""
        loss, correct, images, in_top5 = (np.atleast_1d(part) for part in jax.device_get(sums))
        self.loss += float(loss.sum(dtype=np.float64))
        self.correct += int(correct.sum())
        self.images += int(images.sum())
        self.in_top5 += int(in_top5.sum())
        self.batch_accuracies += (correct / images).tolist()

    @property
    def mean_loss(self) -> float:
        """Loss in nats per image."""
        return self.loss / self.images

    @property
    def accuracy(self) -> float:
        """Fraction classified right."""
        return self.correct / self.images

    @property
    def top5_accuracy(self) -> float:
        """Fraction with the right class among the five that were rated highest."""
        return self.in_top5 / self.images


def cross_entropies(
    logits: Float[Array, "batch classes"], labels: Int[ArrayLike, " batch"], label_smoothing: float = 0.0
) -> Float[Array, " batch"]:
    """The loss of each image in nats.

    Args:
      label_smoothing: the part of the target that all classes share (Szegedy et al. 2016, section 7; also
        Keras's ``label_smoothing``).
    """
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    if not label_smoothing:
        return losses
    even = -jax.nn.log_softmax(logits).mean(-1)
    return (1 - label_smoothing) * losses + label_smoothing * even


def batch_sums(logits: Float[Array, "batch classes"], batch: Batch, label_smoothing: float = 0.0) -> Sums:
    """Of one step."""
    losses = cross_entropies(logits, batch.labels, label_smoothing)
    right = logits.argmax(-1) == batch.labels
    above = (logits > jnp.take_along_axis(logits, batch.labels[:, None], -1)).sum(-1)
    # Logits that are not numbers rate nothing.
    in_top5 = (above < TOP) & jnp.isfinite(losses)
    # An image of weight 0 counts nothing even where its loss is not finite.
    counted = batch.weights > 0
    correct, images, in_top5 = ((x & counted).sum(dtype=jnp.int32) for x in (right, counted, in_top5))
    return Sums(jnp.where(counted, losses, 0).sum(), correct, images, in_top5)
