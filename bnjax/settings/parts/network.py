"""The settings of the network: a part of :class:`bnjax.settings.config.Config`."""

from dataclasses import dataclass

from bnjax.architectures import ARCHITECTURES
from bnjax.architectures.resnet import RESIDUAL_BLOCKS, RESNET_DEPTHS, SHORTCUTS
from bnjax.norm import DEFAULT_NORM, NORMS
from bnjax.settings.fields import Role, setting

ACTIVATIONS = ("relu", "leaky_relu", "relu6", "elu", "prelu", "gelu", "sigmoid", "tanh", "thresholded")
STRIDE_PADDINGS = ("end", "same")
INITIALIZERS = ("glorot_uniform", "he_normal", "lecun_normal", "gaussian")


@dataclass(frozen=True)
class NetworkSettings:
    """Which network, where its norms stand, and what its units are."""

    model: str = setting("cnn", "The network.", group="network", role=Role.PROGRAM, choices=ARCHITECTURES)
    placement: str = setting(
        "none",
        "Where the norms stand: none, all, a list of kinds, blocks, sites or globs with an optional order "
        "(conv,dense or conv:before,fc:after), or a code such as crB-cr-drB.",
        group="network",
        role=Role.TRACED,
    )
    order: str = setting(
        "after",
        "Whether a norm stands before or after its activation, where --placement does not say.",
        group="network",
        role=Role.TRACED,
        choices=("before", "after"),
    )
    norm: str = setting(
        DEFAULT_NORM,
        "Which norm stands where --placement names none, and where a code says B; layer where --model=vit is "
        "given and no --norm. A placement names one as "
        "in conv:before:layer, or in a code by its letter: "
        + ", ".join(f"{norm.letter} {norm.name}" for norm in NORMS.values())
        + ".",
        group="network",
        role=Role.PROGRAM,
        choices=NORMS.keys(),
    )
    dropout: float = setting(
        0.0,
        "Probability of dropping a dense unit's output.",
        group="network",
        role=Role.TRACED,
        bounds="[0,1)",
    )
    activation: str = setting(
        "relu",
        "The hidden units' activation. thresholded learns a threshold for each feature, from 0; "
        "filter-response norms are published with it.",
        group="network",
        role=Role.PROGRAM,
        choices=ACTIVATIONS,
    )
    negative_slope: float = setting(
        0.01,
        "Slope of leaky_relu below zero; prelu learns its own, from 0.25.",
        group="network",
        role=Role.TRACED,
        bounds="[0,1]",
    )
    input_site: bool = setting(
        False,
        "Whether cnn, mlp and vgg7 have a site in front of their first layer: input/images, for a norm of "
        "the images themselves; i in codes.",
        group="network",
        role=Role.PROGRAM,
    )
    hidden_layers: int = setting(
        1, "Hidden layers of the MLP.", group="network", role=Role.PROGRAM, bounds="[1,1000]"
    )
    width: int = setting(
        256, "Units in each hidden layer of the MLP.", group="network", role=Role.PROGRAM, bounds="[1,65536]"
    )
    depth: int = setting(
        20,
        "Layers of the residual network, 6n + 2.",
        group="network",
        role=Role.PROGRAM,
        choices=RESNET_DEPTHS,
    )
    shortcut: str = setting(
        "pad",
        "Where the residual network's features change. pad: zeros for new features; project: a 1 x 1 "
        "convolution.",
        group="network",
        role=Role.PROGRAM,
        choices=SHORTCUTS,
    )
    residual_block: str = setting(
        "original",
        "What stands around the sums of the residual network (He et al. 2016, Identity Mappings, figure 4). "
        "original: norm, sum, activation; norm-after-sum: sum, norm, activation; activation-before-sum: "
        "norm, activation, sum; activation-first: an activation in front of the block, norm, sum; "
        "preactivation: norm and activation in front of each convolution.",
        group="network",
        role=Role.PROGRAM,
        choices=RESIDUAL_BLOCKS,
    )
    vit_depth: int = setting(
        6, "Blocks of the transformer.", group="network", role=Role.PROGRAM, bounds="[1,1000]"
    )
    vit_width: int = setting(
        64,
        "Numbers in each token of the transformer; a multiple of 4 and of --vit_heads. The hidden layer of "
        "its MLPs has four times as many.",
        group="network",
        role=Role.PROGRAM,
        bounds="[4,65536]",
    )
    vit_heads: int = setting(
        4, "Heads of the transformer's attention.", group="network", role=Role.PROGRAM, bounds="[1,4096]"
    )
    vit_patch: int = setting(
        4,
        "Side in pixels of the patches that become the transformer's tokens; sides of images are multiples "
        "of it.",
        group="network",
        role=Role.PROGRAM,
        bounds="[1,1024]",
    )
    width_multiplier: float = setting(
        1.0,
        "Of MobileNetV2's features, as in its paper.",
        group="network",
        role=Role.PROGRAM,
        bounds="(0,10]",
    )
    stride_padding: str = setting(
        "end",
        "Zeros around the input of MobileNetV2's blocks with stride 2. end: one row below and one column at "
        "the right, as published; same: as in Keras's own network, which differs for odd sides.",
        group="network",
        role=Role.PROGRAM,
        choices=STRIDE_PADDINGS,
    )
    halvings: int = setting(
        5,
        "How many of MobileNetV2's five strides of 2 stay; the first ones become 1. 3 suits images of 32 "
        "pixels.",
        group="network",
        role=Role.PROGRAM,
        bounds="[0,5]",
    )
    conv_bias: bool = setting(
        False,
        "Biases in the convolutions of MobileNetV2 and of the residual network.",
        group="network",
        role=Role.PROGRAM,
    )
    kernel_init: str = setting(
        "glorot_uniform",
        "Initialiser of the kernels.",
        group="network",
        role=Role.PROGRAM,
        choices=INITIALIZERS,
    )
    init_deviation: float = setting(
        0.01, "Standard deviation of gaussian kernels.", group="network", role=Role.PROGRAM, bounds="(0,inf)"
    )
    weight_standardisation: bool = setting(
        False,
        "Whether units compute with kernels that have mean 0 and variance 1 over the inputs of each feature "
        "(Qiao et al. 2019). Outputs grow with the number of inputs then, so each wants a norm behind it.",
        group="network",
        role=Role.PROGRAM,
    )
    norm_momentum: float = setting(
        0.99,
        "What the running statistics keep of themselves in a step.",
        group="network",
        role=Role.PROGRAM,
        bounds="[0,1]",
    )
    norm_epsilon: float = setting(
        1e-3, "Added to the variance before its root.", group="network", role=Role.PROGRAM, bounds="(0,inf)"
    )
    norm_groups: int = setting(
        32,
        "Into how many groups group norms cut the channels of an image.",
        group="network",
        role=Role.PROGRAM,
        bounds="[1,65536]",
    )
    renorm_r: float = setting(
        3.0,
        "Most that renorm takes the deviation of a batch to be larger or smaller than the running one.",
        group="network",
        role=Role.PROGRAM,
        bounds="[1,inf)",
    )
    renorm_d: float = setting(
        5.0,
        "Most running deviations that renorm takes the mean of a batch to be away from the running one.",
        group="network",
        role=Role.PROGRAM,
        bounds="[0,inf)",
    )
    renorm_steps: int = setting(
        0,
        "Steps over which both limits of renorm open, from those of a batch norm; 0 for open ones at once.",
        group="network",
        role=Role.PROGRAM,
        bounds="[0,100000000]",
    )
    norm_noise: float = setting(
        0.0,
        "Noise behind every norm in training (Santurkar et al. 2018): each feature is shifted and multiplied "
        "at random, anew in every step, and each image a little otherwise. 1: as much as theirs, up to half "
        "a deviation and a quarter; 0: none.",
        group="network",
        role=Role.PROGRAM,
        bounds="[0,100]",
    )
    bn_batch: str = setting(
        "global",
        "Whose statistics a norm takes in training. global: the whole batch's, on any number of devices; "
        "device: those of each device's part of it; a number: of n neighbouring images (ghost BN). Groups of "
        "one image are refused where it has one value per channel, as in dense layers. There, groups of 2 "
        "halve the running variance, since it follows the biased one.",
        group="network",
        role=Role.PROGRAM,
    )
