"""The unit: one hidden layer with its activation, norm and dropout. Nothing else decides about norm."""

import math
from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike

from bnjax.nn.conv import conv2d
from bnjax.nn.dropout import Dropout
from bnjax.nn.norms import BatchNorm
from bnjax.placement import Kind, Order

#: The slope below zero that a PReLU starts with (He et al. 2015, section 2.1).
PRELU_SLOPE = 0.25


def kernel_initializer(name: str, deviation: float) -> Callable:
    """The initialiser of kernels by its name in flags.

    Args:
      deviation: standard deviation of ``gaussian``; the others take theirs from the kernel's shape.

    Raises:
      ValueError: no initialiser has that name.
    """
    known = {
        "glorot_uniform": nn.initializers.glorot_uniform(),
        "he_normal": nn.initializers.he_normal(),
        "lecun_normal": nn.initializers.lecun_normal(),
        "gaussian": nn.initializers.normal(deviation),
    }
    if name not in known:
        raise ValueError(f"kernel_init {name!r} is not one of {', '.join(known)}")
    return known[name]


def activate(x: Array, activation: str, negative_slope: ArrayLike) -> Array:
    """An activation by name; those with a kink have their left derivative there, as in TensorFlow.

    Args:
      x: [..., features].
      negative_slope: of ``leaky_relu`` and ``prelu`` below zero; for the latter [features].

    Raises:
      ValueError: no activation has that name.
    """
    if activation == "relu":
        return jax.nn.relu(x)
    if activation in ("leaky_relu", "prelu"):
        return jnp.where(x > 0, x, negative_slope * x)
    if activation == "relu6":
        return jax.nn.relu6(x)
    if activation == "elu":
        return jax.nn.elu(x)
    raise ValueError(f"activation {activation!r} is not one of relu, leaky_relu, relu6, elu, prelu")


Activation = Callable[[Array], Array]


class Unit(nn.Module):
    """A convolution or dense layer, its activation, perhaps a norm before or after that, perhaps dropout.

    A *static* unit has its norm, or none, built in. A *gated* unit always has one, and two 0/1 values in
    the collection ``gates`` (``on``: does it count; ``after``: does it stand after the activation) switch
    it, so that one compiled program trains every placement. Moving a norm changes neither biases nor
    initial kernels.

    Attributes:
      kind: ``conv`` (stride 1, same padding) or ``dense``.
      features: channels or units that come out.
      order: ``absent``, ``before`` or ``after``; the gates' initial value when gated.
      gated: whether ``gates`` decide in place of ``order``.
      kernel_size: of a convolution.
      activation, negative_slope: see :func:`activate`; a ``prelu`` learns a slope for each feature instead.
      dropout: probability of zeroing an output in training; the others are scaled by 1 / (1 - dropout). It
        and ``negative_slope`` may be traced, so that runs which differ in them share a program.
      kernel_init, init_deviation: see :func:`kernel_initializer`.
      norm_momentum, norm_epsilon: see :class:`bnjax.nn.BatchNorm`.
      param_dtype: of parameters and statistics; the input decides the dtype of the output.
    """

    kind: Kind
    features: int
    order: Order = "absent"
    gated: bool = False
    kernel_size: int = 3
    activation: str = "relu"
    negative_slope: ArrayLike = 0.01
    dropout: ArrayLike = 0.0
    kernel_init: str = "glorot_uniform"
    init_deviation: float = 0.01
    norm_momentum: float = 0.99
    norm_epsilon: float = 1e-3
    param_dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """X [batch, height, width, channels] or [batch, units] -> the same with ``features`` last."""
        x = self._linear(x)
        activation = partial(activate, activation=self.activation, negative_slope=self._slope(x.dtype))
        x = self._gated(x, activation, train) if self.gated else self._static(x, activation, train)
        return Dropout(self.dropout, name="dropout")(x, train=train)

    def _linear(self, x: Array) -> Array:
        spatial = (self.kernel_size,) * 2 if self.kind == "conv" else ()
        shape = (*spatial, x.shape[-1], self.features)
        initializer = kernel_initializer(self.kernel_init, self.init_deviation)
        kernel = self.param("kernel", initializer, shape, self.param_dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), self.param_dtype)
        kernel, bias = kernel.astype(x.dtype), bias.astype(x.dtype)
        if self.kind == "dense":
            return x @ kernel + bias
        return conv2d(x, kernel) + bias

    def _slope(self, dtype: DTypeLike) -> ArrayLike:
        if self.activation != "prelu":
            return self.negative_slope
        start = nn.initializers.constant(PRELU_SLOPE)
        return self.param("slope", start, (self.features,), self.param_dtype).astype(dtype)

    def _static(self, x: Array, activation: Activation, train: bool) -> Array:
        if self.order == "before":
            x = self._norm(x, train)
        self._probe(x)
        x = activation(x)
        return self._norm(x, train) if self.order == "after" else x

    def _gated(self, x: Array, activation: Activation, train: bool) -> Array:
        on = self.variable("gates", "on", lambda: jnp.float32(self.order != "absent")).value > 0
        after = self.variable("gates", "after", lambda: jnp.float32(self.order == "after")).value > 0
        # One norm serves both orders: the gates choose what goes in, and what becomes of its output.
        norm_input = jnp.where(after, activation(x), x)
        norm_output = jnp.where(on, self._norm(norm_input, train), norm_input)
        self._probe(jnp.where(after, x, norm_output))
        return jnp.where(after, norm_output, activation(norm_output))

    def _norm(self, x: Array, train: bool) -> Array:
        norm = BatchNorm(self.norm_momentum, self.norm_epsilon, self.param_dtype, name="norm")
        return norm(x, train=train)

    def _probe(self, activation_input: Array) -> None:
        """Notes on which examples a unit is active: the activation's largest input over positions."""
        if self.is_mutable_collection("probes") and not self.is_initializing():
            largest = activation_input.max(range(1, activation_input.ndim - 1))
            self.sow("probes", "activation_input_max", largest, reduce_fn=lambda _, new: new)


def parameter_count(params: dict) -> int:
    """How many numbers a tree of parameters holds."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
