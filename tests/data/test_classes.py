"""A part of a set's classes: chosen by name or number, numbered anew, and part of a run's name."""

import dataclasses

import numpy as np
import pytest

from bnjax.data import DataError, Dataset, ImageSet, load_dataset
from bnjax.data.classes import with_classes
from bnjax.data.load import _class_names
from bnjax.data.sources import prepared
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.finetuning import source_config
from bnjax.settings.identity import run_id
from bnjax.settings.sharing import data_settings, program_settings

ANIMALS = ["bird", "cat", "deer", "3"]
SHAPE = (8, 8, 1)


def image_set(labels):
    labels = np.array(labels, np.int32)
    images = np.broadcast_to(labels[:, None, None, None], (len(labels), *SHAPE))
    return ImageSet(images.astype(np.uint8), labels)


SET = Dataset(image_set([3, 1, 0, 2, 1, 3]), image_set([0, 3, 2]), 4, {"name": "animals"}, image_set([1, 2]))


def labels_of(part):
    """Their own, and those of the whole set, which its pixels tell."""
    return part.labels.tolist(), part.images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("chosen", ["deer,cat", "cat,2", "1,2", "cat,deer,1"])
def test_chosen_classes_are_numbered_in_the_sets_order(chosen):
    some = with_classes(SET, chosen.split(","), ANIMALS)
    assert some.num_classes == 2
    assert some.facts == {"name": "animals", "class_names": ["cat", "deer"]}
    assert labels_of(some.train) == ([0, 1, 0], [1, 2, 1])
    assert labels_of(some.test) == ([1], [2])
    assert labels_of(some.validation) == ([0, 1], [1, 2])
    assert some.train.labels.dtype == np.int32
    assert SET.facts == {"name": "animals"}


def test_a_name_counts_where_it_is_a_number_too():
    names = ["1", "10", "2"]  # as folders are sorted
    some = with_classes(dataclasses.replace(SET, validation=None), ["2", "1"], names)
    assert some.facts["class_names"] == ["1", "2"]
    assert labels_of(some.test) == ([0, 1], [0, 2])


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ("cat,dog", "animals has no class 'dog'; it has bird, cat, deer, 3, or by number 0 to 3"),
        ("cat,4", "animals has no class '4'"),
        ("cat,-1", "animals has no class '-1'"),
        ("cat,1", "animals: cat and 1 are one class, cat; two are needed"),
    ],
)
def test_unknown_and_too_few_classes_are_told(chosen, message):
    with pytest.raises(ConfigError, match=message):
        with_classes(SET, chosen.split(","), ANIMALS)


def test_a_long_list_is_not_told_whole():
    names = [f"class{number}" for number in range(1000)]
    with pytest.raises(ConfigError, match=r"class19, ..., or by number 0 to 999$"):
        with_classes(SET, ["cat", "dog"], names)


def test_a_split_without_them_is_told():
    with pytest.raises(DataError, match="split validation: it holds no images"):
        with_classes(SET, ["bird", "3"], ANIMALS)
    few = dataclasses.replace(SET, train=image_set([1, 2]), validation=None)
    with pytest.raises(DataError, match="split train: it holds no images"):
        with_classes(few, ["bird", "3"], ANIMALS)


def test_names_come_from_where_the_set_lies(tmp_path):
    folder = tmp_path / "sounds" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text("{}")
    made = dataclasses.replace(SET, num_classes=2)
    config = Config(dataset="sounds", data_dir=str(tmp_path))
    assert _class_names(config, made) == ["0", "1"]
    (folder / "label.labels.txt").write_text("low\nhigh\n")
    assert prepared.class_names(folder) == _class_names(config, made) == ["low", "high"]
    (folder / "pitch.labels.txt").write_text("a\nb\nc\n")
    assert prepared.class_names(folder) == ["low", "high"]
    elsewhere = Config(dataset="cifar10", data_dir=str(tmp_path))
    assert _class_names(elsewhere, dataclasses.replace(SET, num_classes=10))[3] == "cat"
    own = dataclasses.replace(made, facts={"name": "x", "class_names": ["a", "b"]})
    assert _class_names(Config(dataset="folder:x"), own) == ["a", "b"]


def test_a_set_is_loaded_with_the_classes_of_its_config():
    config = resolve(Config(dataset="digits", classes="7, 2,7,3", validation=0.25))
    assert config.classes == "2,3,7"
    some, every = (load_dataset(given, SHAPE) for given in (config, dataclasses.replace(config, classes="")))
    assert (some.num_classes, some.facts["classes"], some.facts["class_names"]) == (3, 3, ["2", "3", "7"])
    held = len(some.train) + len(some.validation)
    of_three = sum(int(np.isin(part.labels, [2, 3, 7]).sum()) for part in (every.train, every.validation))
    assert held == of_three
    assert len(some.validation) == round(held / 4)
    assert set(some.test.labels) == {0, 1, 2}


@pytest.mark.parametrize("flag", ["classes", "pretrain_classes"])
@pytest.mark.parametrize("text", ["cat", "cat,cat", "cat,,dog", ",", "cat,"])
def test_what_is_no_list_of_two_is_refused(flag, text):
    with pytest.raises(ConfigError, match=f"--{flag}={text} is not a list of two classes or more"):
        resolve(Config(**{flag: text}, pretrain="digits"))


def test_classes_of_no_source_are_refused():
    with pytest.raises(ConfigError, match="is of the set that --pretrain names; it names none"):
        resolve(Config(pretrain_classes="1,2"))


def test_classes_of_the_source_are_of_its_run_alone():
    target = resolve(Config(dataset="mnist", pretrain="digits", pretrain_classes="10,9,a", classes="1,2"))
    source = resolve(source_config(target))
    assert (target.pretrain_classes, target.classes) == ("9,10,a", "1,2")
    assert (source.dataset, source.classes, source.pretrain_classes) == ("digits", "9,10,a", "")
    whole = dataclasses.replace(target, pretrain_classes="")
    assert resolve(source_config(whole)).classes == ""
    ids = [run_id(config) for config in (target, whole, source, source_config(whole))]
    assert len(set(ids)) == 4


def test_equal_choices_are_one_run():
    texts = ("cat,2,dog,10", "10, dog,cat,2,cat")
    assert len({run_id(Config(classes=text)) for text in texts}) == 1


def test_classes_are_of_the_data_and_not_of_the_program():
    some, every = resolve(Config(classes="1,2")), resolve(Config())
    assert data_settings(some) != data_settings(every)
    assert program_settings(some, gated=False) == program_settings(every, gated=False)
