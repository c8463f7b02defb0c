"""The recipes of the published experiments, as data."""

import dataclasses

import pytest

from bnjax.config import Config, resolve, run_id
from bnjax.recipes import CIFAR10_CONDITIONS, EXPERIMENTS, MNIST_SWEEPS, recipe


def test_cifar10_as_published():
    published = recipe("cifar10", "published")
    assert published == Config()
    assert (published.model, published.dataset, published.batch_size) == ("cnn", "cifar10", 128)
    assert (published.optimizer, published.adam_form) == ("adam", "keras")
    assert (published.learning_rate, published.adam_epsilon) == (1e-3, 1e-8)
    assert (published.shuffle, published.input_scale, published.order) == ("none", "raw", "after")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_controlled_changes_shuffling_and_scaling_alone(experiment):
    published = dataclasses.asdict(recipe(experiment, "published"))
    controlled = dataclasses.asdict(recipe(experiment, "controlled"))
    assert controlled == {
        **published,
        "recipe": "controlled",
        "shuffle": "epoch",
        "input_scale": "standardize",
    }


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("name", ["published", "controlled"])
def test_recipes_are_valid_and_bear_their_names(experiment, name):
    assert resolve(recipe(experiment, name)).recipe == name


@pytest.mark.parametrize("name", ["published", "controlled"])
def test_the_twelve_conditions_are_twelve_runs(name):
    base = recipe("cifar10", name)
    ids = {run_id(dataclasses.replace(base, **condition)) for condition in CIFAR10_CONDITIONS.values()}
    assert len(ids) == len(CIFAR10_CONDITIONS) == 12
    dropouts = {condition["dropout"] for condition in CIFAR10_CONDITIONS.values()}
    assert dropouts == {0.0, 0.2, 0.4}


def test_mnist_as_published():
    published = resolve(recipe("mnist", "published"))
    assert (published.model, published.dataset, published.placement) == ("mlp", "mnist", "dBr")
    assert (published.width, published.hidden_layers, published.activation) == (256, 1, "relu")
    assert (published.batch_size, published.epochs, published.shuffle) == (100, 100, "epoch")
    assert (published.optimizer, published.kernel_init) == ("adam", "gaussian")


def test_the_sweeps_of_mnist_vary_what_its_author_varied():
    sizes = [settings["batch_size"] for settings in MNIST_SWEEPS["batch-sizes"].values()]
    assert sizes == [10, 50, 100, 200, 500]
    slopes = {settings.get("negative_slope") for settings in MNIST_SWEEPS["leaky"].values()}
    assert slopes == {None, 0.001, 0.01, 0.18, 0.5}
    assert len(MNIST_SWEEPS["leaky"]) == 10
    assert {settings["optimizer"] for settings in MNIST_SWEEPS["optimizers"].values()} == {
        "adam",
        "sgd",
        "momentum",
    }


def test_unknown_names_are_refused():
    with pytest.raises(KeyError, match="imagenet"):
        recipe("imagenet", "published")
    with pytest.raises(KeyError, match="improved"):
        recipe("cifar10", "improved")
