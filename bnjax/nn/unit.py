"""The unit: one hidden layer with its activation, norm and dropout. Nothing else decides about norm."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import Bool, Float

from bnjax.nn.activations import PRELU_SLOPE, above_kink, activate
from bnjax.nn.checks import check_batch, check_choice, check_count, check_images, check_settings
from bnjax.nn.conv import PADDINGS, conv2d, depthwise_conv2d
from bnjax.nn.dropout import Dropout
from bnjax.nn.initializers import depthwise_initializer, kernel_initializer
from bnjax.nn.norms import norm_layer
from bnjax.nn.norms.noise import with_noise
from bnjax.nn.shapes import Features, PerFeature
from bnjax.nn.weight_standardisation import standardised_kernel
from bnjax.placement import ORDERS, UNIT_KINDS, Kind, Order
from bnjax.settings.units import UnitSettings


class _Activation(NamedTuple):
    """An activation by name, with its slope or threshold; without a name nothing, as in linear units."""

    name: str
    slope: Any = 0.0

    def __call__(self, x: Features) -> Features:
        return activate(x, self.name, self.slope) if self.name else x

    def above_kink(self, x: Features) -> Features:
        return above_kink(x, self.name, self.slope)


def _newest(_: object, new: Array) -> Array:
    return new


class Unit(nn.Module):
    """A convolution or dense layer, its activation, perhaps a norm before or after that, perhaps dropout.

    A *static* unit has its norm, or none, built in. A *gated* unit always has one, and two 0/1 values in
    the collection ``gates`` (``on``: does it count; ``after``: does it stand after the activation) switch
    it, so that one compiled program trains every placement. Moving a norm changes neither biases nor
    initial kernels.

    Attributes:
      kind: ``conv``, ``depthwise`` (a convolution of each channel by itself) or ``dense``.
      features: channels or units that come out; of ``depthwise`` as many as go in.
      order: ``absent``, ``before`` or ``after``; the gates' initial value when gated.
      gated: whether ``gates`` decide in place of ``order``.
      kernel_size: of a convolution, one side of a square, or rows and columns.
      stride, padding: of a convolution, see :func:`bnjax.nn.conv.conv2d`.
      settings: activation, dropout, initial kernels and the norm.
      param_dtype: of parameters and statistics; the input decides the dtype of the output.
      use_bias: whether a bias is added before norm and activation, wherever the norm stands.
      linear: there is no activation, and a norm in either order is the same.
    """

    kind: Kind
    features: int
    order: Order = "absent"
    gated: bool = False
    kernel_size: int | tuple[int, int] = 3
    settings: UnitSettings = UnitSettings()
    param_dtype: DTypeLike = jnp.float32
    stride: int = 1
    padding: str = "same"
    use_bias: bool = True
    linear: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice(self._place, "kind", self.kind, UNIT_KINDS)
        check_choice(self._place, "order", self.order, ORDERS)
        check_choice(self._place, "padding", self.padding, tuple(PADDINGS))
        check_settings(self._place, self.settings)
        check_settings(self._place, self.settings.norms)
        for name in ("features", "stride"):
            check_count(self._place, name, getattr(self, name))
        for side in self._kernel_sides:
            check_count(self._place, "kernel_size", side)

    @property
    def _place(self) -> str:
        return f"Unit {self.name!r}" if self.name else "Unit"

    @property
    def _kernel_sides(self) -> tuple[int, ...]:
        size = self.kernel_size
        return tuple(size) if isinstance(size, Sequence) else (size, size)

    @nn.compact
    def __call__(
        self, x: Float[Array, "batch *positions channels"], train: bool
    ) -> Float[Array, "batch *new_positions features"]:
        """The layer, with norm, activation and dropout; positions are height and width, or none if dense.

        Raises:
          ValueError: x does not fit the unit, or not its parameters.
        """
        return self._finished(self._linear(x), train)

    def _finished(self, x: Features, train: bool) -> Features:
        """What follows the layer: norm and activation in their order, and dropout."""
        activation = self._activation(x.dtype)
        x = self._gated(x, activation, train) if self.gated else self._static(x, activation, train)
        return Dropout(self.settings.dropout, name="dropout")(x, train=train)

    def _linear(
        self, x: Float[Array, "batch *positions channels"]
    ) -> Float[Array, "batch *new_positions features"]:
        """The layer alone: a convolution or product, and a bias."""
        check_batch(self._place, x)
        if self.kind != "dense":
            check_images(self._place, x)
        kernel = self._kernel(x.shape[-1])
        if self.settings.weight_standardisation:
            kernel = standardised_kernel(kernel, self._place)
        kernel = kernel.astype(x.dtype)
        if self.kind == "dense":
            x = x @ kernel
        else:
            convolve = depthwise_conv2d if self.kind == "depthwise" else conv2d
            x = convolve(x, kernel, self.stride, self.padding, self.settings.kernels)
        if not self.use_bias:
            return x
        bias = self.param("bias", nn.initializers.zeros, (self.features,), self.param_dtype)
        return x + bias.astype(x.dtype)

    def _kernel(self, inputs: int) -> Float[Array, "*sides inputs features"]:
        spatial = () if self.kind == "dense" else self._kernel_sides
        initializer = kernel_initializer(self.settings.kernel_init, self.settings.init_deviation)
        if self.kind == "depthwise":
            if inputs != self.features:
                raise ValueError(
                    f"{self._place}: features={self.features} for {inputs} channels; depthwise keeps them"
                )
            inputs, initializer = 1, depthwise_initializer(initializer)
        shape = (*spatial, inputs, self.features)
        if self.has_variable("params", "kernel"):
            stored = jnp.shape(self.get_variable("params", "kernel"))
            if stored != shape:
                raise ValueError(f"{self._place}: its kernel is {stored}, and its input needs one of {shape}")
        return self.param("kernel", initializer, shape, self.param_dtype)

    # Flax tabulates what methods take and give, and can show arrays alone.
    @nn.nowrap
    def _activation(self, dtype: DTypeLike) -> _Activation:
        if self.linear:
            return _Activation("")
        return _Activation(self.settings.activation, slope_of(self, self.features, dtype))

    @nn.nowrap
    def _static(self, x: Features, activation: _Activation, train: bool) -> Features:
        if self.order == "before":
            x = self._norm(x, train)
        self._probe(x, activation)
        x = activation(x)
        return self._norm(x, train) if self.order == "after" else x

    @nn.nowrap
    def _gated(self, x: Features, activation: _Activation, train: bool) -> Features:
        on, after = gates_of(self)
        # One norm serves both orders: the gates choose what goes in, and what becomes of its output.
        norm_input = jnp.where(after, activation(x), x)
        norm_output = jnp.where(on, self._norm(norm_input, train), norm_input)
        self._probe(jnp.where(after, x, norm_output), activation)
        return jnp.where(after, norm_output, activation(norm_output))

    def _norm(self, x: Features, train: bool) -> Features:
        norm = norm_layer(self.settings.norms, param_dtype=self.param_dtype, gated=self.gated, name="norm")
        return with_noise(norm(x, train=train), self.settings.norms, train)

    @nn.nowrap
    def _probe(self, activation_input: Features, activation: _Activation) -> None:
        if not self.linear:
            note_active(self, activation_input, activation.above_kink(activation_input))


def gates_of(module: Any) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
    """Whether a gated module's norm counts, and whether it stands after the activation or the branch.

    Args:
      module: with an ``order``, the gates' initial value.
    """
    on = module.variable("gates", "on", lambda: jnp.float32(module.order != "absent")).value > 0
    after = module.variable("gates", "after", lambda: jnp.float32(module.order == "after")).value > 0
    return on, after


def slope_of(module: Any, features: int, dtype: DTypeLike) -> float | Float[Array, ""] | PerFeature:
    """The activation's slope below zero: that of a module's settings, or what ``prelu`` learns.

    Of ``thresholded`` the threshold that it learns.
    """
    learnt = {"prelu": ("slope", PRELU_SLOPE), "thresholded": ("threshold", 0.0)}
    if module.settings.activation not in learnt:
        return module.settings.negative_slope
    name, start = learnt[module.settings.activation]
    drawn = nn.initializers.constant(start)
    return module.param(name, drawn, (features,), module.param_dtype).astype(dtype)


def note_active(module: nn.Module, activation_input: Features, above: Features) -> None:
    """Notes on which examples a unit is active: how far its input comes above the kink at any position.

    And that input itself, where the collection ``activation_inputs`` is asked for.

    Args:
      module: whose probe it is.
      activation_input: what the activation takes.
      above: the same less the place of its kink, see :func:`bnjax.nn.activations.above_kink`.
    """
    if module.is_initializing():
        return
    if module.is_mutable_collection("probes"):
        largest = above.max(range(1, above.ndim - 1))
        module.sow("probes", "activation_input_max", largest, reduce_fn=_newest)
    module.sow("activation_inputs", "x", activation_input, reduce_fn=_newest)


class SummedUnit(Unit):
    """A unit that adds a shortcut to what its layer makes, in front of its norm and activation."""

    @nn.compact
    def __call__(  # type: ignore[override]
        self, x: Float[Array, "batch *inner channels"], train: bool, shortcut: Features
    ) -> tuple[Features, Features]:
        """The bare sum, and what norm, activation and dropout make of it.

        Raises:
          ValueError: as :class:`Unit`.
        """
        x = self._linear(x) + shortcut
        return x, self._finished(x, train)


def parameter_count(params: dict) -> int:
    """How many numbers a tree of parameters holds."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))
