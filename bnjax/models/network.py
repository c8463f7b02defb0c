"""What all networks share: their settings, their sites, and how they make units and logits."""

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike, DTypeLike
from jaxtyping import Float, Num

from bnjax.architectures.architecture import INPUT_SITE
from bnjax.models.arguments import at_site, check_network, unit_name
from bnjax.models.docstring import whole_docstring
from bnjax.nn.checks import check_images
from bnjax.nn.initializers import kernel_initializer
from bnjax.nn.residual import ImageNorm
from bnjax.nn.unit import Unit
from bnjax.placement import Placement, Site, parse_placement
from bnjax.settings.freezing import Freezing
from bnjax.settings.units import NormSettings, UnitSettings

#: The keys in params of the two layers behind the units.
HEAD, LOGITS = "head", "logits"


class Network(nn.Module):
    """A stack of units that ends in a dense layer of logits; the base of every model.

    To save memory, ``nn.remat(CNN, static_argnums=(2,))`` computes activations again for gradients. It takes
    ``train`` by position: ``model.init(key, images, False)``, ``model.apply(variables, images, True, ...)``.

    Attributes:
      num_classes: how many logits.
      placement: where norms stand: a text as :func:`bnjax.placement.parse_placement` reads it, such as
        ``none``, ``all``, ``conv,dense:before`` or a code, or a ``Placement``.
      order: ``before`` or ``after`` the activation, where the placement's text names none.
      gated: whether ``gates``, a collection where ``init`` puts the placement, switches every site's norm.
      dropout: probability of zeroing an output of a hidden dense unit in training, from 0 to below 1.
      activation: of the hidden units: a name in :data:`bnjax.settings.parts.network.ACTIVATIONS`.
      negative_slope: of ``leaky_relu`` below zero, 0 to 1.
      kernel_init: ``glorot_uniform``, ``he_normal``, ``lecun_normal`` or ``gaussian``.
      init_deviation: standard deviation of ``gaussian`` kernels.
      weight_standardisation: whether kernels are standardised over the inputs of each feature (Qiao 2019).
      norm: which norm stands where the placement's text names none: a name in :data:`bnjax.norm.NORMS`.
      norm_momentum: the part, 0 to 1, that running statistics keep in a step; PyTorch's is 1 minus this.
      norm_epsilon: added to the variance before its root.
      norm_groups: into how many groups ``group`` norms cut the channels.
      renorm_r, renorm_d: by what factor, 1 or more, and by how many running deviations ``renorm`` takes the
        deviation and the mean of a batch to differ at most from the running ones.
      renorm_steps: training steps over which these limits open; 0: at once.
      norm_noise: how much noise stands behind norms in training, which takes a random stream ``noise``; 1: as
        Santurkar et al. 2018; see :class:`bnjax.nn.norms.noise.NormNoise`.
      norm_scale: whether norms learn a scale; without it, it is 1.
      head_width: units of a dense ReLU layer in front of the logits, for fine-tuning; 0 for none.
      freezing: what is trained, by default all, see :class:`bnjax.settings.freezing.Freezing`.
      norm_group: how many images share the statistics of a batch in training; 0: all of it.
      axis_name: of ``shard_map``, ``vmap`` or ``pmap``, as of Flax's norms: each device has an equal part of
        the batch, and statistics are those of all of it. None: those of its part.
      param_dtype: of parameters and statistics.
      compute_dtype: in which training and evaluation feed images, and so of everything between them and the
        logits; statistics and logits stay in float32 or wider. None: ``param_dtype``.
      kernels: how convolutions are computed on a CPU: ``llvm`` by bnjax's own code, ``xla`` by XLA's,
        ``auto`` by bnjax's where that can be had.
      starts_behind: a block whose outputs take the place of images; it and those before it are not computed.
      ends_with: a block whose outputs come out in the place of logits. A network that ends with a block, and
        one that starts behind it, are the whole one after the other; parameters of the whole fit either.
      name, parent: of Flax, which sets them.
    """

    in_front: ClassVar[tuple[str, ...]] = ()  # keys in params of what stands in front of the first site
    num_classes: int = 10
    placement: str | Placement = "none"
    order: str = "before"
    gated: bool = False
    dropout: ArrayLike = UnitSettings.dropout
    activation: str = UnitSettings.activation
    negative_slope: ArrayLike = UnitSettings.negative_slope
    kernel_init: str = UnitSettings.kernel_init
    init_deviation: float = UnitSettings.init_deviation
    weight_standardisation: bool = UnitSettings.weight_standardisation
    norm: str = NormSettings.norm
    norm_momentum: float = NormSettings.norm_momentum
    norm_epsilon: float = NormSettings.norm_epsilon
    norm_groups: int = NormSettings.norm_groups
    renorm_r: float = NormSettings.renorm_r
    renorm_d: float = NormSettings.renorm_d
    renorm_steps: int = NormSettings.renorm_steps
    norm_noise: float = NormSettings.norm_noise
    norm_scale: bool = NormSettings.norm_scale
    head_width: int = 0
    freezing: Freezing = Freezing()
    norm_group: int = NormSettings.norm_group
    axis_name: Hashable | None = NormSettings.axis_name
    param_dtype: DTypeLike = jnp.float32
    compute_dtype: DTypeLike | None = None
    kernels: str = UnitSettings.kernels
    starts_behind: str = ""
    ends_with: str = ""

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        cls.__doc__ = whole_docstring(cls, Network)  # help(bnjax.CNN) tells of all arguments

    def __post_init__(self) -> None:
        super().__post_init__()
        check_network(self, self._place, self._every_block)

    @property
    def _place(self) -> str:
        return type(self).__name__

    @property
    def _every_block(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(site.block for site in self.sites))

    @property
    def sites(self) -> tuple[Site, ...]:
        """Where a norm may stand, in the order in which data meets the units."""
        raise NotImplementedError

    @property
    def parsed_placement(self) -> Placement:
        """The placement as a value.

        Raises:
          PlacementError: the text is not a placement of this model, or the value is of another model.
        """
        if isinstance(self.placement, str):
            return parse_placement(self.placement, self.sites, self.order, self.norm)
        return parse_placement(str(self.placement), self.sites)  # its code parses back to the same value

    @property
    def site_norms(self) -> dict[str, str]:
        """Site -> the norm that stands there; where the placement has none, the one that gates switch off."""
        placement = self.parsed_placement
        return dict(zip(placement.as_dict(), placement.norms_or(self.norm), strict=True))

    @property
    def smallest_side(self) -> int:
        """Fewest pixels on a side of which any reaches the logits."""
        return 1

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks that are computed, in the order in which data meets them."""
        every = self._every_block
        first = every.index(self.starts_behind) + 1 if self.starts_behind else 0
        behind = every.index(self.ends_with) + 1 if self.ends_with else len(every)
        return every[first:behind]

    @nn.compact
    def __call__(
        self, images: Num[Array, "batch *image"], train: bool = False
    ) -> Float[Array, "batch *outputs"]:
        """Images [batch, height, width, channels] -> logits [batch, num_classes].

        Raises:
          ValueError: an image has so short a side that no pixel of it would be left, or another shape.
        """
        x = images if self.starts_behind else self.inputs(images)
        for name in self.blocks:
            if name == INPUT_SITE.block and INPUT_SITE in self.sites:
                x = ImageNorm(**at_site(self, INPUT_SITE))(x, train=train)
            else:
                x = self.block(name, x, train)
        return x if self.ends_with else self.top(x)

    def block(self, name: str, x: Float[Array, "batch *inner"], train: bool) -> Float[Array, "batch *outer"]:
        """What a block makes of the outputs of the one before it."""
        raise NotImplementedError

    def top(self, x: Float[Array, "batch *outer"]) -> Float[Array, "batch *outputs"]:
        """What is made of the outputs of the last block: logits."""
        return self.logits(x)

    def inputs(self, images: Num[Array, "batch *image"]) -> Float[Array, "batch *image"]:
        """Images as floating point numbers.

        Raises:
          ValueError: see :meth:`check_images`.
        """
        self.check_images(images)
        images = jnp.asarray(images)  # NumPy's float64 becomes what JAX has, without a warning
        return images.astype(jnp.promote_types(images.dtype, jnp.bfloat16))

    def check_images(self, images: Num[Array, "..."]) -> None:
        """Holds the shape of images against what the network takes.

        Raises:
          ValueError: they are not [batch, height, width, channels], or a side is below :attr:`smallest_side`.
        """
        check_images(self._place, images, self.smallest_side)

    @nn.nowrap  # else ``tabulate`` takes the unit for an output
    def unit(
        self,
        site: str,
        features: int,
        *,
        kernel_size: int | tuple[int, int] = 3,
        stride: int = 1,
        padding: str = "same",
        use_bias: bool = True,
        module: type[Unit] = Unit,
    ) -> Any:
        """The unit that stands at a site, see :class:`bnjax.nn.Unit`; ``module`` may be a subclass of it."""
        known = next(known for known in self.sites if known.name == site)
        return module(
            kind=known.kind,
            features=features,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            use_bias=use_bias,
            linear=known.linear,
            **at_site(self, known),
        )

    def trains(self, path: Sequence[str]) -> bool:
        """Whether a parameter is trained.

        Args:
          path: its keys in params, such as ``("block1_conv2", "norm", "bias")``.
        """
        site = next((site.name for site in self.sites if unit_name(site.name) == path[0]), "")
        if self.freezing.trained == "two-weights" and path[-1] != "kernel":
            return False
        return self.freezing.trains(site, of_norm="norm" in path)

    def used(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Params or batch_stats without what gates have switched off: those of the placement alone."""
        placement = self.parsed_placement.as_dict()
        absent = {unit_name(site) for site, order in placement.items() if order == "absent"}
        kept = {
            name: {part: leaf for part, leaf in leaves.items() if part != "norm" or name not in absent}
            for name, leaves in variables.items()
        }
        return {name: leaves for name, leaves in kept.items() if leaves}

    def logits(self, x: Float[Array, "batch features"]) -> Float[Array, "batch classes"]:
        """Of features, by the head if there is one, and a dense layer."""
        if self.head_width:
            x = nn.relu(self._dense(self.head_width, HEAD)(x))
        return self._dense(self.num_classes, LOGITS)(x)

    @nn.nowrap
    def _dense(self, features: int, name: str) -> nn.Dense:
        initializer = kernel_initializer(self.kernel_init, self.init_deviation)
        return nn.Dense(features, kernel_init=initializer, param_dtype=self.param_dtype, name=name)
