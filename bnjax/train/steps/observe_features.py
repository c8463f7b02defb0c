"""What probes ask of the numbers inside a network, and of its answers, in evaluation mode."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Num

from bnjax.data.batches import Batch
from bnjax.train.state import TrainState
from bnjax.train.steps.subject import Subject

#: Values of a unit from which percentiles are taken: sorting all of a map takes longer than a step.
MOST_VALUES = 4096
#: Confidences are counted in this many parts of 0 to 1 (Guo et al. 2017).
BINS = 15
#: By how many units in the last place the mean of equal numbers may differ from them.
_ROUNDED = 8


def _seen(subject: Subject, params: Any, statistics: Any, batch: Batch) -> dict[str, dict[str, Array]]:
    """Site -> ``norm_input``, ``activation_input`` and ``output`` of its unit, where there are such."""
    found: dict[str, dict[str, Array]] = {unit: {} for unit in subject.units.values()}

    def keep(call: Any, arguments: Any, named: Any, context: Any) -> Any:
        path, out = context.module.path, call(*arguments, **named)
        if path and path[0] in found and context.method_name == "__call__":
            if path[1:] == ("norm",):
                found[path[0]]["norm_input"] = _wide(arguments[0])
            elif not path[1:]:
                # A unit behind a sum hands on the bare sum, and what it makes of it.
                found[path[0]]["output"] = _wide(out[-1] if isinstance(out, tuple) else out)
        return out

    with nn.intercept_methods(keep):
        _, sown = subject.model.apply(
            subject.variables(params, statistics),
            subject.images(batch),
            train=False,
            mutable=["activation_inputs"],
        )
    for unit, values in sown.get("activation_inputs", {}).items():
        found[unit]["activation_input"] = _wide(values["x"])
    return {site: found[unit] for site, unit in subject.units.items() if found[unit]}


def _wide(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _rows(x: Float[Array, "*positions features"]) -> Float[Array, "values features"]:
    """All values of each feature."""
    return x.reshape(-1, x.shape[-1])


def evaluation_moments(
    subject: Subject, state: TrainState, statistics: Any, batch: Batch
) -> dict[str, tuple[Float[Array, " features"], Float[Array, " features"]]]:
    """Site -> mean and variance of its norm's input by fresh statistics.

    All norms have fresh statistics there, and dropout lets everything through.
    """
    seen = _seen(subject, state.params, statistics, batch)
    inputs = {site: _rows(of["norm_input"]) for site, of in seen.items() if "norm_input" in of}
    return {site: (x.mean(0), x.var(0)) for site, x in inputs.items()}


def input_shapes(
    subject: Subject, state: TrainState, statistics: Any, batch: Batch
) -> dict[str, dict[str, Array]]:
    """Site -> of its unit's input to the activation, and of its norm's input, how their values are spread.

    Returns:
      Where there is an activation ``values`` [values, features], some of its inputs, and ``skew`` [features]
      of all; where there is a norm ``norm_skew`` [features]. NaN where nothing varies.
    """
    seen = _seen(subject, state.params, statistics, batch)
    return {site: _input_shape(of) for site, of in seen.items()}


def _input_shape(of: Mapping[str, Array]) -> dict[str, Array]:
    found = {}
    if "activation_input" in of:
        x = _rows(of["activation_input"])
        found = {"values": x[_drawn(len(x))], "skew": skew(x)}
    return {**found, "norm_skew": skew(_rows(of["norm_input"]))} if "norm_input" in of else found


def _drawn(values: int) -> Int[np.ndarray, " drawn"]:
    """Which of the values are taken: drawn once, since even steps would meet the same columns of images."""
    if values <= MOST_VALUES:
        return np.arange(values)
    return np.sort(np.random.default_rng(0).choice(values, MOST_VALUES, replace=False))


def skew(x: Float[Array, "values features"]) -> Float[Array, " features"]:
    """The third standardised moment; NaN where nothing varies, but for how a mean is rounded."""
    mean = x.mean(0)
    centred = x - mean
    largest, rounded = jnp.abs(centred).max(0), _ROUNDED * jnp.finfo(x.dtype).eps * jnp.abs(mean)
    # Cubes of very large or small numbers leave float32.
    centred = centred / jnp.where(largest > rounded, largest, jnp.nan)
    return (centred**3).mean(0) / jnp.square(centred).mean(0) ** 1.5


def feature_rank(
    subject: Subject, state: TrainState, statistics: Any, batch: Batch
) -> dict[str, dict[str, Array]]:
    """Site -> ``gap`` of its unit's outputs [images, numbers], and how many ``images`` and ``numbers``.

    The gap is the orthogonality gap of Daneshmand et al. 2021: the Frobenius norm of K / tr K - I / n, where
    K is the matrix of the n images' products with each other.
    """
    seen = _seen(subject, state.params, statistics, batch)
    outputs = {
        site: of["output"].reshape(len(of["output"]), -1) for site, of in seen.items() if "output" in of
    }
    return {
        site: {"gap": _gap(h), "images": jnp.asarray(h.shape[0]), "numbers": jnp.asarray(h.shape[1])}
        for site, h in outputs.items()
    }


def _gap(h: Float[Array, "images numbers"]) -> Float[Array, ""]:
    h = h / jnp.abs(h).max()  # squares of very large or small numbers leave float32
    h = h / jnp.sqrt(jnp.square(h).sum())
    return jnp.linalg.norm(h @ h.T - jnp.eye(len(h)) / len(h))


def confidences(
    subject: Subject, state: TrainState, statistics: Any, batch: Batch
) -> dict[str, Num[Array, " bins"]]:
    """By the state's own statistics, sums over the batch's images for each part of the confidences.

    Returns:
      ``images``, ``confidence`` and ``right``; copies that fill a batch up count nothing.
    """
    variables = subject.variables(state.params, state.batch_stats)
    logits: Any = subject.model.apply(variables, subject.images(batch), train=False)
    confidence = jax.nn.softmax(_wide(logits)).max(-1)
    right = logits.argmax(-1) == batch.labels
    part = jnp.clip(jnp.ceil(confidence * BINS) - 1, 0, BINS - 1).astype(int)
    member = (part[:, None] == jnp.arange(BINS)) * jnp.asarray(batch.weights)[:, None]
    return {
        "images": member.sum(0),
        "confidence": (member * confidence[:, None]).sum(0),
        "right": (member * right[:, None]).sum(0),
    }
