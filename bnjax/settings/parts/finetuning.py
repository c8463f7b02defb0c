"""The settings of fine-tuning: a part of :class:`bnjax.settings.config.Config`."""

from dataclasses import dataclass

from bnjax.settings.fields import Role, setting
from bnjax.settings.freezing import NORM_MODES, TRAINED

_GROUP = "fine-tuning"


@dataclass(frozen=True)
class FineTuningSettings:
    """Where a network's weights come from, and what of it is trained; by default, everything from scratch."""

    weights: str = setting(
        "none",
        "What the network starts from: a .h5 or .weights.h5 file that Keras wrote, the folder of a run that "
        "was made with --keep_state, imagenet (Keras's file for inceptionv3, downloaded once), or none. Head "
        "and logits are new, unless --trained says that no kernel is trained.",
        group=_GROUP,
        role=Role.OWN | Role.TARGET,
    )
    pretrain: str = setting(
        "",
        "A --dataset that the same network is trained on first, in a run of its own; in the place of "
        "--weights.",
        group=_GROUP,
        role=Role.OWN | Role.TARGET,
    )
    pretrain_classes: str = setting(
        "",
        "The classes of that set that count, by name or number, such as bird,cat,dog. Default: all.",
        group=_GROUP,
        role=Role.OWN | Role.TARGET,
    )
    pretrain_epochs: int = setting(
        10, "Epochs of that run.", group=_GROUP, role=Role.OWN | Role.TARGET, bounds="[1,1000000]"
    )
    freeze_until: str = setting(
        "",
        "What is not trained: a block with all before it, or so many layers in Keras's order (inceptionv3, "
        "mobilenetv2). 249 is where block mixed8 of inceptionv3 ends.",
        group=_GROUP,
        role=Role.PROGRAM | Role.TARGET,
    )
    train_norms: bool = setting(
        False,
        "Trains scales and biases of the frozen part's norms all the same.",
        group=_GROUP,
        role=Role.PROGRAM | Role.TARGET,
    )
    norm_mode: str = setting(
        "train",
        "What norms of the frozen part do in training. train: use and update statistics; frozen: use those "
        "of the batch, update none (Keras 2); inference: use the running ones (TensorFlow 2, Keras 3); "
        "keras2-train: as train, but the first batch overwrites the running ones (Keras 2.2.2 to 2.2.5).",
        group=_GROUP,
        role=Role.PROGRAM | Role.TARGET,
        choices=NORM_MODES,
    )
    trained_norm_mode: str = setting(
        "train",
        "The same of all other norms.",
        group=_GROUP,
        role=Role.PROGRAM | Role.TARGET,
        choices=NORM_MODES,
    )
    trained: str = setting(
        "unfrozen",
        "unfrozen: all that --freeze_until leaves; norms: scales and biases of norms alone; two-weights: "
        "two random weights of each feature of the units' kernels, as many as norms have where all units but "
        "a vit's have one; statistics: no parameter, running statistics adapt to the training images by "
        "--norm_momentum; pooled-statistics: no parameter, they become those of all training images.",
        group=_GROUP,
        role=Role.PROGRAM | Role.TARGET,
        choices=TRAINED,
    )
    precompute_frozen: bool = setting(
        False,
        "Computes the outputs of the frozen part once for all images and keeps them in memory. Refused where "
        "that would not be exact.",
        group=_GROUP,
        role=Role.PROGRAM | Role.TARGET,
        identity=False,
    )
    head_width: int = setting(
        0,
        "Units of a dense ReLU layer between the network's features and its logits; 0: none.",
        group=_GROUP,
        role=Role.PROGRAM,
        bounds="[0,65536]",
    )
    evaluate_train: bool = setting(
        False,
        "Evaluates the training images too, so that the gap between training and evaluation mode shows.",
        group=_GROUP,
        role=Role.LOOP | Role.TARGET,
        identity=False,
    )
    keep_state: bool = setting(
        False,
        "Keeps the final parameters and statistics beside the records, for --weights=OUT_DIR/RUN_ID.",
        group=_GROUP,
        role=Role.HOST,
        identity=False,
    )

    @property
    def trains_on_rest(self) -> bool:
        """Whether images that whole batches leave over are an epoch's last batch, for statistics of all."""
        return self.trained == "pooled-statistics"
