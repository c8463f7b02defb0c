"""Batch Normalization before or after ReLU6 in MobileNetV2 (iT Ironman, 2021-10-10)."""

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, Data, claims_of, level, minus
from bnjax.studies.study import Study

#: Batch Normalization before or after ReLU6 in MobileNetV2 (iThome, 2021-10-10, TensorFlow 2): plain SGD,
#: glorot uniform kernels, BatchNormalization (momentum 0.99, epsilon 1e-3) as is Keras's default, images of
#: 224 x 224, 100 epochs. The text names neither data, learning rate, batch size nor the scale of the pixels.
#: Its accuracies (0.9942 in training; 0.8281 and 0.8203) are whole counts of 1,034 and of 128 images, which
#: are the splits of TFDS's beans, so that is taken for the data; the rate 0.1, batches of 32 and pixels 0..1
#: are chosen here. 10 epochs are what a first answer needs.
_PUBLISHED = Config(
    model="mobilenetv2",
    placement="all",
    order="before",
    activation="relu6",
    dataset="beans",
    image_size=224,
    input_scale="unit",
    shuffle="epoch",
    batch_size=32,
    optimizer="sgd",
    learning_rate=0.1,
)
#: The two networks of that experiment; and both with biases, which let a unit learn the threshold of its
#: ReLU6 where no norm stands before it.
_SWEEPS: dict[str, Conditions] = {
    "order": {order: {"placement": f"all:{order}"} for order in ("before", "after")},
    "order-bias": {
        f"{order}, {name}": {"placement": f"all:{order}", "conv_bias": conv_bias}
        for order in ("before", "after")
        for name, conv_bias in (("without biases", False), ("with biases", True))
    },
}

_SWEEP = "order"
_ORDERS = _SWEEPS[_SWEEP]
#: Its conclusions are about the order of layers and name no data. It does name 224 pixels, at which batches
#: of 32 give a norm of the last blocks 32 x 7 x 7 values of a channel. Photographs of 64 pixels take a
#: twelfth of the time and give it 32 x 2 x 2; of smaller ones a single position is left.
_PHOTOGRAPHS = Data(
    "beans, as its counts of images suggest, or 500 to 10,000 photographs of 64 pixels or more",
    ("beans",),
    images=(500, 10_000),
    image_size=64,
)
#: What is said of networks and experiments in general, without any data.
ANY_IMAGES = Data("any 500 images or more", (), images=(500, 10**9), image_size=32)
#: Points; ours, and a little more than the 0.78 that the text calls alike.
_ALIKE = 1.0
_claim = claims_of("mobilenet", _SWEEPS, epochs=100, least_share=0.5)

_CLAIMS: tuple[Claim, ...] = (
    _claim(
        "theory",
        "introduction, in theory",
        "Behind a ReLU negative values are gone, which biases the normalisation; so BN belongs before it.",
        minus("after", "before", "norm_input_skew", "higher"),
        data=ANY_IMAGES,
        least_share=0.1,
        probes="dying,activations",
        note="Its premise alone is tested: that inputs of norms are more skewed behind the ReLU. Whether "
        "that does harm is what the other claims ask.",
    ),
    _claim(
        "reports",
        "introduction, what others report",
        "Several experiments found BN before the activation more accurate than after it.",
        minus("before", "after", "best_accuracy", "higher"),
        note="The sentence begins with 'but' behind a theory for 'before', so it may mean the opposite.",
        data=ANY_IMAGES,
    ),
    _claim(
        "alike",
        "result",
        "The best accuracies of both orders are about the same.",
        minus(
            "after",
            "before",
            "best_accuracy",
            "alike",
            margin=_ALIKE,
            published="82.03% minus 82.81%: -0.78 points",
            size=(-0.78, -0.78),
        ),
    ),
    _claim(
        "after-converges",
        "result",
        "With BN after the activation the network converges, too.",
        level(
            "after",
            "final_train_accuracy",
            "higher",
            95.0,
            published="100% of training images at epoch 67",
            size=(100.0, 100.0),
        ),
    ),
    _claim(
        "after-larger-loss",
        "printed beside the result, not commented",
        "At the epoch of best accuracy, the loss of BN after is larger than that of before.",
        minus(
            "after",
            "before",
            "loss_at_best_accuracy",
            "higher",
            published="1.0461 minus 0.8054: +0.2407 nats",
            size=(0.2407, 0.2407),
        ),
    ),
    _claim(
        "after-later",
        "printed beside the result, not commented",
        "BN after reaches its best accuracy later.",
        minus(
            "after",
            "before",
            "epoch_of_best_accuracy",
            "higher",
            published="epoch 67 minus 51: +16",
            size=(16.0, 16.0),
        ),
    ),
)

MOBILENET = Study(
    name="mobilenet",
    about="Batch Normalization before or after ReLU",
    question="Batch Normalization before or after the activation?",
    main_claim="mobilenet-alike",
    title="【26】你都把 Batch Normalization 放在 ReLU 前面還是後面",
    author="",
    place="iT Ironman, 30 experiments with image classification in Colab, day 26",
    date="2021-10-10",
    link="",
    ran="TensorFlow 2, MobileNetV2, 100 epochs, one run each",
    published=_PUBLISHED,
    data=_PHOTOGRAPHS,
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    said={_SWEEP: "published: best accuracy 82.81% before and 82.03% after, about the same"},
    does="Trains MobileNetV2 with norms before or after its activations.",
    examples={
        "--dataset=digits --image_size=32 --width_multiplier=0.35": "small, no download",
        "--order=after --dataset=folder:PATH": "your photographs",
        "--dataset=cifar10 --halvings=3": "with smaller strides",
        "--sweep=order --seeds=3": "as published",
    },
)
