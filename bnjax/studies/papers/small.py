"""What recipes of papers share that train a small network."""

from bnjax.settings.config import Config

#: Three dense layers on 3,000 images of MNIST, shuffled and standardised: seconds a run on a CPU. Running
#: statistics of 0.9 follow within its few hundred steps.
SMALL_MLP = Config(
    model="mlp",
    hidden_layers=3,
    width=100,
    placement="dense",
    order="before",
    kernel_init="he_normal",
    norm_momentum=0.9,
    dataset="mnist",
    input_scale="standardize",
    shuffle="epoch",
    train_images=3000,
    test_images=2000,
)
