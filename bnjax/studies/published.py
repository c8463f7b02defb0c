"""Numbers that the authors of the experiments published or logged, to stand beside ours."""

#: Test accuracy of the CIFAR-10 experiment by placement (norms after the activation) and dropout, after so
#: many epochs: mean of the points logged within 2,000 steps. One run each. Source: results/*.json of the
#: public repository cfiken/batch-normalization-try, the logs behind the article (Qiita, 2018-06-10).
CIFAR10_TEST_ACCURACY: dict[tuple[str, float], dict[int, float]] = {
    ("none", 0.0): {5: 0.4745, 10: 0.4949, 20: 0.4961, 50: 0.5124, 100: 0.5355, 200: 0.543, 390: 0.5633},
    ("none", 0.2): {5: 0.5105, 10: 0.522, 20: 0.5249, 50: 0.5285, 100: 0.5464, 200: 0.555, 390: 0.5651},
    ("none", 0.4): {5: 0.5234, 10: 0.5529, 20: 0.5697, 50: 0.5803, 100: 0.5892, 200: 0.5883, 390: 0.5834},
    ("conv", 0.0): {5: 0.6273, 10: 0.6509, 20: 0.6799, 50: 0.6961, 100: 0.708, 200: 0.7371, 390: 0.7377},
    ("conv", 0.2): {5: 0.6426, 10: 0.6639, 20: 0.6952, 50: 0.7127, 100: 0.7247, 200: 0.7258, 390: 0.7324},
    ("conv", 0.4): {5: 0.6448, 10: 0.6713, 20: 0.7041, 50: 0.7322, 100: 0.7363, 200: 0.7499, 390: 0.7536},
    ("dense", 0.0): {5: 0.5823, 10: 0.6103, 20: 0.6465, 50: 0.6823, 100: 0.6488, 200: 0.6047, 390: 0.7204},
    ("dense", 0.2): {5: 0.6165, 10: 0.6458, 20: 0.6922, 50: 0.7134, 100: 0.7191, 200: 0.7289, 390: 0.7303},
    ("dense", 0.4): {5: 0.6042, 10: 0.6115, 20: 0.705, 50: 0.722, 100: 0.7246, 200: 0.7342, 390: 0.7369},
    ("conv,dense", 0.0): {
        5: 0.6332,
        10: 0.6597,
        20: 0.705,
        50: 0.7562,
        100: 0.7371,
        200: 0.7441,
        390: 0.7311,
    },
    ("conv,dense", 0.2): {
        5: 0.6469,
        10: 0.6689,
        20: 0.6962,
        50: 0.7304,
        100: 0.7262,
        200: 0.7412,
        390: 0.7468,
    },
    ("conv,dense", 0.4): {
        5: 0.6172,
        10: 0.6502,
        20: 0.7058,
        50: 0.741,
        100: 0.7389,
        200: 0.7499,
        390: 0.7567,
    },
}

#: From the same logs: the mean test accuracy of the last tenth of 400 epochs, and the highest logged.
CIFAR10_LATE_AND_BEST: dict[tuple[str, float], tuple[float, float]] = {
    ("none", 0.0): (0.5625, 0.5768),
    ("none", 0.2): (0.5661, 0.5821),
    ("none", 0.4): (0.5853, 0.6065),
    ("conv", 0.0): (0.7394, 0.7469),
    ("conv", 0.2): (0.7336, 0.7478),
    ("conv", 0.4): (0.7513, 0.7658),
    ("dense", 0.0): (0.7185, 0.7259),
    ("dense", 0.2): (0.7335, 0.7458),
    ("dense", 0.4): (0.7368, 0.7464),
    ("conv,dense", 0.0): (0.7289, 0.7596),
    ("conv,dense", 0.2): (0.7467, 0.7616),
    ("conv,dense", 0.4): (0.7539, 0.7673),
}

#: What the dying-ReLU series says of each comparison (Qiita, 2017-05, third part: Batch Normalization); one
#: run of 100 epochs each. It shows curves, not numbers, but for the cost of batch size 10.
MNIST_SAID = {
    "bn-or-not": "published: with BN no unit dies; without it training sticks at 100% and tests are better",
    "batch-sizes": "published: batch size 10 costs 1 to 1.5 points; no unit dies at any batch size",
    "leaky": "published: after epoch 20 all slopes are alike, and better without BN; no unit is flat",
    "optimizers": "not published: the author wished to see SGD",
}

#: What the VGG7 experiment says of its figures (Qiita, 2018-10-02): one run of 400 epochs each, curves and no
#: numbers.
VGG7_SAID = {
    "block1": "published: without BN it overfits; BN holds that down, in one layer better than in both",
    "block2": "published: BN holds overfitting down; in both layers the loss falls fastest, and ends alike",
    "fc": "published: BN starts higher and then stays; best in the second layer, worst in the first",
    "pick": "published: BN at the entrance and before the output falls early and does not overfit",
    "grid": "published: all were computed, some were drawn",
}

#: What the experiment with MobileNetV2 printed of its two networks (iT Ironman, 2021-10, day 26): one run
#: each.
MOBILENET_SAID = "published: best accuracy 82.81% before and 82.03% after, about the same"

#: What the fine-tuning experiment printed of its two cases (Qiita, 2019-07-21), one run each.
FINETUNE_SAID = (
    "published: lowest validation loss 0.070 with the frozen part's BN trained, 0.160 with it frozen"
)
