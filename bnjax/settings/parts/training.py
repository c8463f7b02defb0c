"""The settings of training: a part of :class:`bnjax.settings.config.Config`."""

from dataclasses import dataclass

from bnjax.probes import ALL, NONE
from bnjax.settings.fields import Role, setting

SCHEDULES = ("constant", "cosine", "step")


@dataclass(frozen=True)
class TrainingSettings:
    """The recipe's name, epochs, batches, the optimizer, precision and the seed."""

    recipe: str = setting(
        "published",
        "published: as the experiment's author ran it; controlled: the same, but shuffled every epoch and "
        "with standardised inputs. A flag given beside it overrides it.",
        group="training",
        role=Role.OWN,
        choices=("published", "controlled"),
    )
    epochs: int = setting(
        10,
        "Passes over the training images.",
        group="training",
        role=Role.LOOP | Role.REPEAT,
        bounds="[1,1000000]",
    )
    batch_size: int = setting(
        128,
        "Images in one training step, over all devices. The images left over after the last whole batch are "
        "not trained on in that epoch: always the same ones with --shuffle=none.",
        group="training",
        role=Role.PROGRAM,
        bounds="[1,1000000]",
    )
    optimizer: str = setting(
        "adam",
        "The optimizer. momentum is sgd with a --momentum of 0.9, unless another is given.",
        group="training",
        role=Role.PROGRAM,
        choices=("adam", "sgd", "momentum"),
    )
    learning_rate: float = setting(
        1e-3,
        "Step size; 0 leaves the weights as they were drawn, for probes of the initial network.",
        group="training",
        role=Role.TRACED,
        bounds="[0,inf)",
    )
    schedule: str = setting(
        "constant",
        "How --learning_rate falls, step by step. cosine: along half a cosine to 0 behind the last step; "
        "step: times --decay_factor after every --decay_epochs epochs.",
        group="training",
        role=Role.PROGRAM,
        choices=SCHEDULES,
    )
    decay_epochs: int = setting(
        30,
        "Epochs between two falls of --schedule=step.",
        group="training",
        role=Role.PROGRAM,
        bounds="[1,1000000]",
    )
    decay_factor: float = setting(
        0.1,
        "What a fall of --schedule=step leaves of the rate.",
        group="training",
        role=Role.PROGRAM,
        bounds="(0,1]",
    )
    label_smoothing: float = setting(
        0.0,
        "Part of the target that goes to all classes alike, in training; test losses are without it.",
        group="training",
        role=Role.PROGRAM,
        bounds="[0,1)",
    )
    momentum: float = setting(0.0, "Momentum of sgd.", group="training", role=Role.PROGRAM, bounds="[0,1)")
    weight_decay: float = setting(
        0.0,
        "Decay of the kernels: added to the gradient for sgd; for adam, see --adam_decay.",
        group="training",
        role=Role.PROGRAM,
        bounds="[0,inf)",
    )
    decay_all: bool = setting(
        False,
        "Whether --weight_decay acts on all parameters alike, scales and biases of norms and biases of units "
        "too, as torch.optim does where nothing else is said.",
        group="training",
        role=Role.PROGRAM,
    )
    adam_decay: str = setting(
        "decoupled",
        "What adam makes of --weight_decay. decoupled: weights shrink by it times the rate (AdamW); "
        "gradient: it is added to the gradient, as an L2 penalty is, and scaled like that.",
        group="training",
        role=Role.PROGRAM,
        choices=("decoupled", "gradient"),
    )
    accumulate: int = setting(
        1,
        "Batches whose mean gradient makes one update of the weights (optax.MultiSteps), as one batch of all "
        "their images would. But norms of a batch normalise each by its own statistics, as with --bn_batch, "
        "and move the running ones with each: these forget in fewer updates.",
        group="training",
        role=Role.PROGRAM,
        bounds="[1,100000]",
    )
    adam_form: str = setting(
        "keras",
        "Where epsilon stands in adam. keras: added before the bias correction, as in TensorFlow and Keras; "
        "paper: after it, as in the paper's algorithm 1, optax and PyTorch.",
        group="training",
        role=Role.PROGRAM,
        choices=("keras", "paper"),
    )
    adam_epsilon: float = setting(
        1e-8, "Epsilon of adam.", group="training", role=Role.PROGRAM, bounds="(0,inf)"
    )
    precision: str = setting(
        "float32",
        "Of activations and products. bfloat16 halves their bytes, which accelerators gain by; parameters, "
        "statistics of norms and logits stay float32.",
        group="training",
        role=Role.PROGRAM,
        choices=("float32", "bfloat16"),
    )
    kernels: str = setting(
        "auto",
        "How convolutions are computed on a CPU. llvm: by bnjax's own code for float32, made for each shape; "
        "xla: by XLA's; auto: by bnjax's where it can be, on one device and with llvmlite installed.",
        group="training",
        role=Role.PROGRAM,
        choices=("auto", "xla", "llvm"),
        identity=False,
    )
    eval_batch_size: int = setting(
        500,
        "Images in one step of the evaluation; every image counts once at any size.",
        group="training",
        role=Role.LOOP,
        bounds="[1,1000000]",
        identity=False,
    )
    fresh_images: int = setting(
        -1,
        "After each epoch, networks whose norms have running statistics are evaluated a second time, with "
        "statistics computed anew from this many training images, spread evenly: test_accuracy_fresh beside "
        "test_accuracy. In whole batches. -1: 1,000, or a fifth of the training images where that is less; "
        "0: none.",
        group="training",
        role=Role.LOOP,
        bounds="[-1,100000000]",
        identity=False,
    )
    probes: str = setting(
        "dying",
        f"What is looked at after each epoch beside the metrics: {ALL}, {NONE} or several, such as "
        "dying,lag; bnjax list probes says what each is. Records have a field for each.",
        group="training",
        role=Role.LOOP,
        identity=False,
    )
    probe_every: int = setting(
        1,
        "After every how many epochs --probes look, and after the last; those that cost nothing, such as "
        "dying, look after each. Records of other epochs have an empty field for them.",
        group="training",
        role=Role.LOOP,
        bounds="[1,1000000]",
        identity=False,
    )
    seed: int = setting(
        0,
        "Decides initial weights, data order and dropout.",
        group="training",
        role=Role.OWN | Role.REPEAT,
        bounds="[0,4294967295]",
    )
