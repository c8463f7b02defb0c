"""Optimizers from optax, their learning rates, and Adam in the form that TensorFlow and Keras give it."""

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config

BETA1, BETA2 = 0.9, 0.999


def make_optimizer(
    config: Config, learning_rate: ArrayLike | None = None, steps_per_epoch: int = 0
) -> optax.GradientTransformation:
    """The optimizer that a config asks for. Weight decay acts on kernels, unless it is to act on all.

    One call in ``accumulate`` updates anything, by the mean gradient since the last one.

    Args:
      learning_rate: takes the place of the config's; may be traced.
      steps_per_epoch: has to be given where the rate follows a schedule.

    Raises:
      ValueError: a schedule without ``steps_per_epoch``.
    """
    updater = make_updater(config, learning_rate, steps_per_epoch)
    if config.accumulate == 1:
        return updater
    return optax.MultiSteps(updater, config.accumulate).gradient_transformation()


def make_updater(
    config: Config, learning_rate: ArrayLike | None = None, steps_per_epoch: int = 0
) -> optax.GradientTransformation:
    """The same without ``accumulate``: each call is an update. Its state is :func:`updater_state`."""
    if config.optimizer == "momentum":
        config = resolve(config)
    start = config.learning_rate if learning_rate is None else learning_rate
    rate = learning_rates(config, start, steps_per_epoch)
    decay = optax.add_decayed_weights(config.weight_decay, mask=None if config.decay_all else _kernels)
    if config.optimizer == "sgd":
        return optax.chain(decay, optax.sgd(rate, config.momentum or None))
    scale = {
        "keras": scale_by_keras_adam(BETA1, BETA2, config.adam_epsilon),
        "paper": optax.scale_by_adam(BETA1, BETA2, config.adam_epsilon),
    }[config.adam_form]
    parts = (decay, scale) if config.adam_decay == "gradient" else (scale, decay)
    return optax.chain(*parts, optax.scale_by_learning_rate(rate))


def updater_state(state: optax.OptState) -> optax.OptState:
    """The part of an optimizer's state that belongs to its :func:`make_updater`."""
    return state.inner_opt_state if isinstance(state, optax.MultiStepsState) else state


def learning_rates(config: Config, start: ArrayLike, steps_per_epoch: int) -> optax.ScalarOrSchedule:
    """The learning rate, or what makes it from the number of updates made so far.

    Args:
      start: the rate of the first step; may be traced.

    Raises:
      ValueError: a schedule without ``steps_per_epoch``.
    """
    if config.schedule == "constant":
        return start
    if steps_per_epoch < 1:
        raise ValueError(f"schedule {config.schedule!r} needs the number of steps in an epoch")
    if config.schedule == "cosine":
        updates = max(1, config.epochs * steps_per_epoch // config.accumulate)
        return optax.cosine_decay_schedule(start, updates)
    between = max(1, config.decay_epochs * steps_per_epoch // config.accumulate)
    return optax.exponential_decay(start, between, config.decay_factor, staircase=True)


def _kernels(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda leaf: leaf.ndim > 1, params)


def scale_by_keras_adam(b1: float, b2: float, epsilon: float) -> optax.GradientTransformation:
    """Adam with epsilon added before the bias correction, as TensorFlow and Keras do.

    The update is sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon): the "epsilon hat" of Kingma and Ba
    2015, section 2. :func:`optax.scale_by_adam` corrects v first, so that small gradients move differently.
    """

    def init(params: optax.Params) -> optax.ScaleByAdamState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return optax.ScaleByAdamState(jnp.zeros([], jnp.int32), zeros, jax.tree.map(jnp.zeros_like, params))

    def update(
        gradients: optax.Updates, state: optax.ScaleByAdamState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.ScaleByAdamState]:
        del params
        count = state.count + 1
        time = count.astype(jnp.result_type(float))
        correction = jnp.sqrt(1 - b2**time) / (1 - b1**time)
        mu = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.mu, gradients)
        nu = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * jnp.square(g), state.nu, gradients)
        updates = jax.tree.map(lambda m, v: correction.astype(m.dtype) * m / (jnp.sqrt(v) + epsilon), mu, nu)
        return updates, optax.ScaleByAdamState(count, mu, nu)

    return optax.GradientTransformation(init, update)
