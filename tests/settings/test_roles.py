"""Every setting says who reads it, and what is derived from that."""

import dataclasses

import pytest

from bnjax.settings.config import FIELDS, Config, names_with, values_with
from bnjax.settings.fields import READ_BY, Role, setting
from bnjax.settings.finetuning import source_config
from bnjax.settings.options import OPTION_FIELDS
from bnjax.settings.sharing import data_settings, program_settings
from bnjax.train.steps.lane_step import LaneValues

#: Kinds of readers that are settings of more than one.
_TOGETHER = dict.fromkeys(("image_size", "plugin_digest"), Role.DATA | Role.PROGRAM)
#: A setting that is compiled in needs no entry: forgetting it here costs a program, not a wrong one.
_ROLES = {
    Role.TRACED: {"placement", "order", "dropout", "negative_slope", "learning_rate"},
    Role.DATA: {
        *("dataset", "classes", "data_dir", "image_size", "bad_images", "validation"),
        *("train_images", "test_images", "plugin_digest"),
    },
    Role.LOOP: {
        *("epochs", "shuffle", "batches", "input_scale", "eval_batch_size", "evaluate_train", "fresh_images"),
        *("probes", "probe_every"),
    },
    Role.OWN: {"seed", "recipe", "weights", "pretrain", "pretrain_classes", "pretrain_epochs"},
    Role.HOST: {
        *("study", "until", "out_dir", "overwrite", "resume", "checkpoint_every", "keep_state", "workers"),
        "plugin",
    },
    Role.REPEAT: {"seed", "epochs"},
    Role.PLACE: {"data_dir", "out_dir", "plugin"},
}


def test_a_setting_without_a_reader_is_refused():
    with pytest.raises(TypeError, match="role"):
        setting(1, "A number.", group="data")
    with pytest.raises(ValueError, match="does not say who reads"):
        setting(1, "A number.", group="data", role=Role.REPEAT)


@pytest.mark.parametrize("field", [*FIELDS, *OPTION_FIELDS], ids=lambda field: field.name)
def test_a_setting_has_one_reader(field):
    read_by = field.metadata["role"] & READ_BY
    assert len(list(read_by)) == 1 or read_by == _TOGETHER[field.name]


@pytest.mark.parametrize("role", _ROLES, ids=lambda role: role.name)
def test_what_is_not_compiled_in_is_meant(role):
    assert set(names_with(role)) == _ROLES[role]


def test_no_setting_of_the_host_is_part_of_the_identity():
    assert not [f.name for f in FIELDS if f.metadata["role"] & Role.HOST and f.metadata["identity"]]


def test_lanes_carry_every_traced_setting():
    gates = {"placement", "order"}
    assert {*LaneValues._fields} - {"gates"} == {*names_with(Role.TRACED)} - gates


def _other(field):
    """A value that differs from the default and need not be allowed."""
    if field.name == "placement":  # a program of gates depends on its norms
        return "all"
    if isinstance(field.default, str):
        return next((choice for choice in field.metadata["choices"] or () if choice != field.default), "x")
    return not field.default if isinstance(field.default, bool) else field.default + 1


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_each_setting_counts_where_its_role_says(field):
    usual, role = Config(), field.metadata["role"]
    other = dataclasses.replace(usual, **{field.name: _other(field)})
    for gated, compiled in ((True, Role.PROGRAM), (False, Role.PROGRAM | Role.TRACED)):
        same = program_settings(usual, gated) == program_settings(other, gated)
        assert same is not bool(role & compiled)
    images = other.images() != usual.images()
    assert (data_settings(usual) != data_settings(other)) is (bool(role & Role.DATA) or images)


def test_a_source_goes_without_what_is_of_the_target():
    changed = {f.name: _other(f) for f in FIELDS if f.metadata["role"] & Role.TARGET}
    target = dataclasses.replace(Config(), **{**changed, "pretrain": "digits", "head_width": 8, "seed": 3})
    source = source_config(target)
    assert values_with(source, Role.TARGET) == values_with(Config(), Role.TARGET)
    assert (source.dataset, source.epochs, source.head_width, source.seed) == ("digits", 11, 8, 3)
    assert source.keep_state
