"""The recipes of the published experiments, as data."""

import dataclasses

import pytest

from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.studies import STUDIES, recipe
from bnjax.studies.cifar10 import TWELVE
from bnjax.studies.finetune import FINETUNE
from bnjax.studies.mnist import MNIST
from bnjax.studies.mobilenet import MOBILENET
from bnjax.studies.vgg7 import PICK, PLAIN, VGG7


def test_cifar10_as_published():
    published = recipe("cifar10", "published")
    assert published == Config(study="cifar10")
    assert (published.model, published.dataset, published.batch_size) == ("cnn", "cifar10", 128)
    assert (published.optimizer, published.adam_form) == ("adam", "keras")
    assert (published.learning_rate, published.adam_epsilon) == (1e-3, 1e-8)
    assert (published.shuffle, published.input_scale, published.order) == ("none", "raw", "after")


@pytest.mark.parametrize("experiment", STUDIES)
def test_controlled_changes_shuffling_and_scaling_alone(experiment):
    published = dataclasses.asdict(recipe(experiment, "published"))
    controlled = dataclasses.asdict(recipe(experiment, "controlled"))
    assert controlled == {
        **published,
        "recipe": "controlled",
        "shuffle": "epoch",
        "input_scale": "standardize",
    }


@pytest.mark.parametrize("experiment", STUDIES)
@pytest.mark.parametrize("name", ["published", "controlled"])
def test_recipes_are_valid_and_bear_their_names(experiment, name):
    assert resolve(recipe(experiment, name)).recipe == name


@pytest.mark.parametrize("name", ["published", "controlled"])
def test_the_twelve_conditions_are_twelve_runs(name):
    base = recipe("cifar10", name)
    ids = {run_id(dataclasses.replace(base, **condition)) for condition in TWELVE.values()}
    assert len(ids) == len(TWELVE) == 12
    dropouts = {condition["dropout"] for condition in TWELVE.values()}
    assert dropouts == {0.0, 0.2, 0.4}


def test_mnist_as_published():
    published = resolve(recipe("mnist", "published"))
    assert (published.model, published.dataset, published.placement) == ("mlp", "mnist", "dBr")
    assert (published.width, published.hidden_layers, published.activation) == (256, 1, "relu")
    assert (published.batch_size, published.epochs, published.shuffle) == (100, 100, "epoch")
    assert (published.optimizer, published.kernel_init) == ("adam", "gaussian")


def test_the_sweeps_of_mnist_vary_what_its_author_varied():
    sizes = [settings["batch_size"] for settings in MNIST.sweeps["batch-sizes"].values()]
    assert sizes == [10, 50, 100, 200, 500]
    slopes = {settings.get("negative_slope") for settings in MNIST.sweeps["leaky"].values()}
    assert slopes == {None, 0.001, 0.01, 0.18, 0.5}
    assert len(MNIST.sweeps["leaky"]) == 10
    assert {settings["optimizer"] for settings in MNIST.sweeps["optimizers"].values()} == {
        "adam",
        "sgd",
        "momentum",
    }


def test_vgg7_as_published():
    published = resolve(recipe("vgg7", "published"))
    assert (published.model, published.placement) == ("vgg7", PLAIN)
    assert (published.kernel_init, published.activation, published.dropout) == ("he_normal", "relu", 0.0)
    assert (published.optimizer, published.adam_form) == ("adam", "keras")
    assert (published.learning_rate, published.adam_epsilon) == (2e-4, 1e-7)
    assert (published.norm_momentum, published.norm_epsilon) == (0.99, 1e-3)
    assert (published.batch_size, published.shuffle) == (32, "epoch")
    given = dataclasses.replace(recipe("vgg7", "published"), placement="block1/conv1,fc/dense2")
    assert resolve(given).placement == PICK  # its norms stand before the activation


@pytest.mark.parametrize(
    ("sweep", "count"),
    [
        ("block1", 4),
        ("block2", 4),
        ("fc", 4),
        ("pick", 2),
        ("groups", 11),
        ("grid", 64),
        ("grid-orders", 729),
    ],
)
def test_the_sweeps_of_vgg7_are_different_runs(sweep, count):
    conditions = VGG7.sweeps[sweep]
    base = recipe("vgg7", "published")
    ids = {run_id(dataclasses.replace(base, **settings)) for settings in conditions.values()}
    assert len(ids) == len(conditions) == count


def test_the_sweeps_of_vgg7_are_named_as_its_figures_are():
    assert list(VGG7.sweeps["block2"]) == ["crcr", "crcBr", "cBrcr", "cBrcBr"]
    assert list(VGG7.sweeps["fc"]) == ["drdr", "drdBr", "dBrdr", "dBrdBr"]
    assert VGG7.sweeps["block1"]["cBrcr"] == {"placement": "cBrcr-crcr-drdr"}
    assert VGG7.sweeps["block2"]["cBrcr"] == {"placement": "crcr-cBrcr-drdr"}
    assert VGG7.sweeps["fc"]["drdBr"] == {"placement": "crcr-crcr-drdBr"}
    assert list(VGG7.sweeps["pick"]) == [PLAIN, PICK]
    assert all(name == settings["placement"] for name, settings in VGG7.sweeps["grid-orders"].items())


def test_the_sweeps_of_vgg7_lie_in_each_other():
    def placements(sweep):
        return {settings["placement"] for settings in VGG7.sweeps[sweep].values()}

    parts = set.union(*map(placements, ("block1", "block2", "fc", "pick")))
    assert parts == placements("groups") < placements("grid") < placements("grid-orders")


def test_mobilenet_as_published():
    published = resolve(recipe("mobilenet", "published"))
    assert (published.model, published.activation, published.image_size) == ("mobilenetv2", "relu6", 224)
    assert (published.width_multiplier, published.halvings, published.conv_bias) == (1.0, 5, False)
    assert (published.optimizer, published.momentum, published.schedule) == ("sgd", 0.0, "constant")
    assert (published.kernel_init, published.stride_padding) == ("glorot_uniform", "end")
    assert (published.norm_momentum, published.norm_epsilon) == (0.99, 1e-3)
    assert "absent" not in published.parsed_placement().orders
    assert published.placement.startswith("cBr-wBrcB-")


def test_the_sweep_of_mobilenet_is_its_flag():
    base = recipe("mobilenet", "published")
    sweep = [dataclasses.replace(base, **settings) for settings in MOBILENET.sweeps["order"].values()]
    flags = [dataclasses.replace(base, order=order) for order in ("before", "after")]
    assert [run_id(config) for config in sweep] == [run_id(config) for config in flags]
    assert len({run_id(dataclasses.replace(base, **s)) for s in MOBILENET.sweeps["order-bias"].values()}) == 4


def test_finetune_as_published():
    published = resolve(recipe("finetune", "published"))
    assert (published.model, published.weights, published.freeze_until) == (
        "inceptionv3",
        "imagenet",
        "mixed8",
    )
    assert (published.head_width, published.validation, published.train_norms) == (1024, 0.1, True)
    assert (published.optimizer, published.learning_rate, published.momentum) == ("sgd", 1e-4, 0.9)
    assert set(published.parsed_placement().orders) == {"before"}


def test_the_sweeps_of_finetune_are_different_runs_and_lie_in_each_other():
    base = recipe("finetune", "published")
    ids = {
        sweep: {run_id(dataclasses.replace(base, **settings)) for settings in conditions.values()}
        for sweep, conditions in FINETUNE.sweeps.items()
    }
    assert {sweep: len(found) for sweep, found in ids.items()} == {"modes": 3, "separate": 6, "keras2": 2}
    assert ids["modes"] < ids["separate"]
    assert run_id(base) in ids["modes"]


def test_unknown_names_are_refused():
    with pytest.raises(KeyError, match="imagenet"):
        recipe("imagenet", "published")
    with pytest.raises(KeyError, match="improved"):
        recipe("cifar10", "improved")
