"""Training Batch Normalization alone in the frozen part of InceptionV3 (Qiita, 2019-07-21)."""

from bnjax.settings.config import Config
from bnjax.studies.claim import Claim, Conditions, Data, minus
from bnjax.studies.study import Study, crossed

#: Fine-tuning InceptionV3 with the frozen part's BN trained or not (Qiita, 2019-07-21, Keras): ImageNet's
#: weights, head of 1024 units, the first 249 layers frozen, 10% of the images for validation. The text names
#: neither version, optimizer, size, scale, batch size nor epochs. Its code is that of Keras's documentation
#: ("Fine-tune InceptionV3 on a new set of classes"), so SGD(0.0001, momentum 0.9) is from there. Batches of
#: 32 are Keras's default, 299 pixels and -1..1 what the weights were trained with, 10 epochs chosen here. Its
#: 2,609 photographs of clothing are not public: any folder with a folder for each class takes their place,
#: and where no set is named cats_vs_dogs of TFDS, two classes of photographs too.
_PUBLISHED = Config(
    model="inceptionv3",
    placement="all",
    order="before",
    weights="imagenet",
    freeze_until="249",
    train_norms=True,
    head_width=1024,
    dataset="cats_vs_dogs",
    image_size=299,
    validation=0.1,
    input_scale="symmetric",
    shuffle="epoch",
    batch_size=32,
    optimizer="sgd",
    learning_rate=1e-4,
    momentum=0.9,
    evaluate_train=True,
)
#: The two cases of that experiment, and what TensorFlow 2 and Keras 3 make of the second one.
_TRAINED: Conditions = {
    "BN trained": {"norm_mode": "train", "train_norms": True},
    "BN frozen": {"norm_mode": "frozen", "train_norms": False},
    "BN in inference mode": {"norm_mode": "inference", "train_norms": False},
}
#: ``separate`` takes apart what these mix: statistics used and updated, and scales and biases trained.
_SWEEPS: dict[str, Conditions] = {
    "modes": _TRAINED,
    "separate": crossed(
        {mode: {"norm_mode": mode} for mode in ("train", "frozen", "inference")},
        {"affine trained": {"train_norms": True}, "affine frozen": {"train_norms": False}},
    ),
    "keras2": {
        "BN trained, Keras 2.2": {
            "norm_mode": "keras2-train",
            "trained_norm_mode": "keras2-train",
            "train_norms": True,
        },
        "BN frozen, Keras 2.2": {
            "norm_mode": "frozen",
            "trained_norm_mode": "keras2-train",
            "train_norms": False,
        },
    },
}

_MODES = "modes"
#: The text does not say how long its author trained.
_EPOCHS = 10

_CLAIMS: tuple[Claim, ...] = (
    Claim(
        "finetune-lower-loss",
        "finetune",
        "result",
        "Training the BN layers of the frozen part lowers the validation loss.",
        _TRAINED,
        (
            minus(
                "BN trained",
                "BN frozen",
                "lowest_validation_loss",
                "lower",
                published="0.070 minus 0.160: -0.090 nats",
                size=(-0.09, -0.09),
            ),
        ),
        _MODES,
        epochs=_EPOCHS,
        least_share=0.5,
    ),
    Claim(
        "finetune-more-accurate",
        "finetune",
        "result",
        "Training the BN layers of the frozen part makes the network better (said of accuracy, shown by the "
        "loss).",
        _TRAINED,
        (minus("BN trained", "BN frozen", "best_validation_accuracy", "higher"),),
        _MODES,
        epochs=_EPOCHS,
        least_share=0.5,
    ),
)

FINETUNE = Study(
    name="finetune",
    about="Training Batch Normalization alone in the frozen part of a network",
    question="Should the norms of a frozen part be trained?",
    main_claim="finetune-lower-loss",
    title="ファインチューニングでBatch Normalizationを学習させる実験(Batch Normalizationの効果)",
    author="mokoenator",
    place="Qiita",
    date="2019-07-21",
    link="https://qiita.com/mokoenator/items/6d7b8f670d3d1250d516",
    ran="Keras, InceptionV3 from ImageNet, 2,609 photographs of clothing, one run each",
    published=_PUBLISHED,
    data=Data(
        "500 to 10,000 photographs, as few as one fine-tunes with; its 2,609 of clothing are not public",
        ("cats_vs_dogs",),
        images=(500, 10_000),
        image_size=128,
    ),
    # It says neither which file of ImageNet's weights it began with nor how pixels were scaled, and a scale
    # goes with the weights. What it concludes is about norms of a network trained on other pictures.
    unnamed=("weights", "input_scale"),
    sweeps=_SWEEPS,
    claims=_CLAIMS,
    said={
        _MODES: "published: lowest validation loss 0.070 with the frozen part's BN trained, 0.160 with it "
        "frozen"
    },
    does="Trains a network from given weights on other images, its first part frozen, with norms there "
    "trained, frozen as in Keras 2, or in inference mode as in Keras 3.",
    examples={
        "--dataset=folder:PATH": "InceptionV3 from ImageNet, downloaded once",
        "--model=cnn --pretrain=digits --dataset=digits --freeze_until=block1": "needs no download",
        "--model=vgg7 --pretrain=cifar10 --dataset=folder:PATH --image_size=32 --freeze_until=block1": (
            "from a network trained on CIFAR-10"
        ),
        "--dataset=folder:PATH --sweep=modes --seeds=5": "the two published cases and a third",
    },
)
