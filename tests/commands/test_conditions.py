"""Sweeps from grids of flags and from files: what they mean, and one line for what is wrong with them."""

import dataclasses
import json

import pytest

from bnjax.commands.parsing.conditions import sweep_conditions
from bnjax.settings.canonical import resolve
from bnjax.settings.fields import ConfigError
from bnjax.studies import STUDIES
from bnjax.studies.naming import condition_names, unnamed


def test_a_grid_is_every_combination():
    grid = sweep_conditions("cifar10", "", "placement=none|conv,dense; dropout=0|0.4; epochs=3")
    assert list(grid) == [
        f"placement={placement}, dropout={dropout}, epochs=3"
        for placement in ("none", "conv,dense")
        for dropout in (0.0, 0.4)
    ]
    last = {"placement": "conv,dense", "dropout": 0.4, "epochs": 3}
    assert grid["placement=conv,dense, dropout=0.4, epochs=3"] == last


def test_without_a_sweep_there_is_one_condition():
    assert sweep_conditions("mnist", "", "") == {"": {}}


def test_a_named_sweep_is_itself_and_may_be_crossed():
    assert sweep_conditions("mnist", "leaky", "") == STUDIES["mnist"].sweeps["leaky"]
    crossed = sweep_conditions("mnist", "bn-or-not", "width=16|32")
    assert crossed["without BN, width=16"] == {"placement": "none", "width": 16}
    assert len(crossed) == 4


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        ("placement", "'placement' is not of the form"),
        ("plaecment=none", "'plaecment' is not a setting that can vary: model, placement"),
        ("seed=1|2", "'seed' is not a setting that can vary"),
        ("out_dir=a|b", "'out_dir' is not a setting that can vary"),
        ("width=8|wide", "width='wide' is not a whole number"),
        ("dropout=a", "dropout='a' is not a number"),
        ("dropout=0,4", "dropout='0,4' is not a number; write 0.4"),
        ("width=8; width=9", "width is given twice"),
    ],
)
def test_a_wrong_grid_is_told(vary, told):
    with pytest.raises(ConfigError, match=r"^--vary=") as raised:
        sweep_conditions("mnist", "", vary)
    assert told in str(raised.value)


def test_what_a_sweep_gives_itself_is_not_varied():
    with pytest.raises(ConfigError, match="--sweep=bn-or-not gives placement itself"):
        sweep_conditions("mnist", "bn-or-not", "placement=all")


@pytest.mark.parametrize("named", [False, True])
def test_a_file_is_a_list_or_an_object_of_conditions(tmp_path, named):
    conditions = [{"placement": "none"}, {"placement": "all", "dropout": 0, "epochs": 2}]
    content = dict(zip("ab", conditions, strict=True)) if named else conditions
    path = tmp_path / "conditions.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = sweep_conditions("cifar10", str(path), "")
    assert list(found) == (["a", "b"] if named else ["1", "2"])
    assert list(found.values()) == conditions
    assert type(found[list(found)[1]]["dropout"]) is float


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "is not JSON"),
        ("\0\ufeff", "is not JSON"),
        ("[]", "neither a list of conditions nor an object"),
        ("3", "neither a list of conditions nor an object"),
        ("[3]", "condition 1: 3 is not an object of settings"),
        ('[{"width": 8}, {"width": "8"}]', "condition 2: width is '8', not a whole number"),
        ('{"x": {"widht": 8}}', "condition x: 'widht' is not a setting that can vary"),
        ('[{"dropout": 1' + "0" * 400 + "}]", "not a number"),
        ('[{"dropout": "0.4"}]', "dropout is '0.4', not a number"),
        ('[{"epochs": true}]', "epochs is True, not a whole number"),
    ],
)
def test_a_wrong_file_is_told(tmp_path, text, told):
    path = tmp_path / "conditions.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        sweep_conditions("mnist", str(path), "")
    assert str(path) in str(raised.value)
    assert told in str(raised.value)


def test_an_absent_file_and_an_unknown_name_are_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        sweep_conditions("mnist", str(tmp_path / "absent.json"), "")
    with pytest.raises(ConfigError, match=r"is not one of bn-or-not, .*, nor a file that ends in \.json"):
        sweep_conditions("mnist", "bn_or_not", "")


def resolved(study="cifar10", recipe="published", **settings):
    return resolve(dataclasses.replace(STUDIES[study].recipe(recipe), **settings))


def test_conditions_are_named_as_they_are_typed_by_what_tells_them_apart():
    first, second = (resolved(placement=p, seed=seed) for p, seed in (("none", 0), ("conv,dense", 1)))
    assert condition_names([first, second]) == {first: "none, seed 0", second: "conv,dense, seed 1"}
    assert condition_names([second]) == {second: "conv,dense"}
    mixed = resolved(placement="conv:layer,dense")
    assert condition_names([mixed]) == {mixed: "crL-crL-drB"}  # no short text says it


def test_names_leave_out_what_the_recipe_says_which_stands_once():
    configs = [
        resolved(placement="conv", dropout=rate, shuffle=kind)
        for rate in (0, 0.4)
        for kind in ("none", "epoch")
    ]
    assert list(condition_names(configs).values()) == [
        *("conv", "conv, shuffle epoch"),
        *("conv, dropout 0.4", "conv, dropout 0.4, shuffle epoch"),
    ]
    assert unnamed(configs) == "dropout 0.0, shuffle none"
    assert unnamed(configs[1:2]) == unnamed([configs[0], resolved(placement="all")]) == ""
    assert unnamed([resolved(dropout=0.1), resolved(dropout=0.4)]) == ""  # names tell all of it


def test_names_tell_studies_recipes_and_networks_apart():
    configs = [
        *(resolved(recipe=name) for name in ("published", "controlled")),
        *(resolved(model=model) for model in ("mlp", "vgg7")),
        resolved(model="vgg7", placement="block2/conv1"),
    ]
    assert list(condition_names(configs).values()) == [
        *("none", "none, recipe controlled"),
        *("none, model mlp", "none, model vgg7", "block2/conv1, model vgg7"),
    ]


@pytest.mark.parametrize("study", STUDIES)
def test_the_conditions_of_a_sweep_have_names_of_their_own(study):
    for conditions in STUDIES[study].sweeps.values():
        configs = {resolved(study, **settings) for settings in conditions.values()}
        assert len(set(condition_names(list(configs)).values())) == len(configs)
