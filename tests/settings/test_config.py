"""The settings of a run: their bounds, their canonical form, and the identity of a run."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnjax.architectures import ARCHITECTURES
from bnjax.norm import NORMS
from bnjax.settings.canonical import checkpoint_pace, resolve
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.fields import ConfigError
from bnjax.settings.identity import identity, run_id

BOUNDED = [field for field in FIELDS if field.metadata["bounds"]]
CHOSEN = [field for field in FIELDS if field.metadata["choices"]]
NOT_IDENTITY = (
    "data_dir",
    "bad_images",
    "workers",
    "kernels",
    "eval_batch_size",
    "study",
    "plugin",
    "until",
    "out_dir",
    "overwrite",
    "evaluate_train",
    "fresh_images",
    "probes",
    "probe_every",
    "precompute_frozen",
    "keep_state",
    "resume",
    "checkpoint_every",
)
#: Settings without which a choice means nothing.
COMPANIONS = {
    "norm_mode": {"freeze_until": "block1"},
    "trained": {"placement": "all"},
    "decay_all": {"weight_decay": 0.1},
    "adam_decay": {"weight_decay": 0.1},
    "norm_noise": {"placement": "all"},
    "norm": {"placement": "all"},
    **{name: {"model": network.name} for network in ARCHITECTURES.values() for name in network.own_settings},
    "vit_heads": {"model": "vit", "vit_width": 4096},
    **{
        name: {"placement": "all", "norm": norm.name} for norm in NORMS.values() for name in norm.own_settings
    },
}


# Pinned: these are the names of folders that lie on disk. A new field with a default must not change them;
# if one of them changes, finished runs are no longer found and are run again.
PINNED = {
    "053713b3186e": Config(),
    "b3a8b94d59f4": Config(placement="conv,dense", dropout=0.4, seed=3),
    "4620a55f8ddc": Config(
        model="vgg7",
        placement="cBrcr-crcr-drdBr",
        recipe="controlled",
        shuffle="epoch",
        input_scale="standardize",
    ),
    "4cf4b19033f1": Config(model="mlp", dataset="mnist", hidden_layers=3, learning_rate=0.5, optimizer="sgd"),
}


@pytest.mark.parametrize(("pinned", "config"), PINNED.items())
def test_run_ids_are_pinned(pinned, config):
    assert run_id(config) == pinned


EQUAL = {
    "sequence of a list": (Config(placement="conv,dense"), Config(placement="dense,conv")),
    "list and all": (Config(placement="conv,dense"), Config(placement="all")),
    "list and code": (Config(placement="conv,dense"), Config(placement="crB-crB-drB")),
    "order in its flag and in the text": (
        Config(placement="all", order="before"),
        Config(placement="all:before", order="after"),
    ),
    "order without a norm": (Config(placement="none", order="before"), Config()),
    "spaces": (Config(placement=" conv , fc:before "), Config(placement="conv,fc:before")),
    "1 and 1.0": (Config(learning_rate=1), Config(learning_rate=1.0)),
    "0 and 0.0": (Config(weight_decay=0, dropout=0), Config()),
    "0.0 and -0.0": (Config(dropout=-0.0), Config()),
    "settings of another network": (
        Config(depth=56, vit_width=32, halvings=3, width=8, hidden_layers=4),
        Config(),
    ),
    "digits of a number": (Config(norm_epsilon=1e-3), Config(norm_epsilon=0.001)),
}


@pytest.mark.parametrize(("first", "second"), EQUAL.values(), ids=EQUAL.keys())
def test_equal_conditions_have_equal_ids(first, second):
    assert resolve(first) == resolve(second)
    assert run_id(first) == run_id(second)


DIFFERENT = {
    "order": dict(placement="all", order="before"),
    "placement": dict(placement="conv"),
    "dropout": dict(placement="all", dropout=0.2),
    "seed": dict(placement="all", seed=1),
    "dataset": dict(placement="all", dataset="digits"),
    "classes": dict(placement="all", classes="3,bird"),
    "classes of the source": dict(placement="all", pretrain="digits", pretrain_classes="3,5"),
    "image size": dict(placement="all", image_size=48),
    "validation": dict(placement="all", validation=0.1),
    "epochs": dict(placement="all", epochs=11),
    "schedule": dict(placement="all", schedule="cosine"),
    "label smoothing": dict(placement="all", label_smoothing=0.1),
    "width": dict(model="mobilenetv2", width_multiplier=0.5),
    "strides": dict(model="mobilenetv2", halvings=3),
    "padding": dict(model="mobilenetv2", stride_padding="same"),
    "biases": dict(model="mobilenetv2", conv_bias=True),
    "a site for images": dict(placement="all", input_site=True),
    "tokens": dict(model="vit", vit_width=32),
    "order of blocks": dict(model="resnet", residual_block="preactivation"),
    "statistics": dict(placement="all", bn_batch="32"),
    "accumulation": dict(placement="all", accumulate=2),
    "decay of all": dict(placement="all", weight_decay=0.1, decay_all=True),
    "standardised weights": dict(placement="all", weight_standardisation=True),
    "batches by class": dict(placement="all", batches="sorted"),
    "decay in the gradient": dict(placement="all", weight_decay=0.1, adam_decay="gradient"),
    "noise": dict(placement="all", norm_noise=1.0),
    "batch size": dict(placement="all", batch_size=64),
    "frozen part": dict(placement="all", freeze_until="block1"),
    "weights": dict(placement="all", weights="runs/1"),
    "source": dict(placement="all", pretrain="digits"),
    "norm mode": dict(placement="all", trained_norm_mode="frozen"),
    "what is trained": dict(placement="all", trained="norms"),
    "head": dict(placement="all", head_width=8),
}


def test_different_conditions_have_different_ids():
    ids = {run_id(Config(placement="all")), *(run_id(Config(**given)) for given in DIFFERENT.values())}
    assert len(ids) == 1 + len(DIFFERENT)


def test_where_files_lie_is_no_part_of_the_identity():
    moved = Config(
        data_dir="/elsewhere",
        bad_images="skip",
        workers=2,
        out_dir="/tmp/x",
        until="decided",
        overwrite=True,
        resume=False,
        checkpoint_every="3",
        kernels="xla",
        eval_batch_size=7,
        evaluate_train=True,
        fresh_images=0,
        probes="none",
        precompute_frozen=True,
        keep_state=True,
        freeze_until="block1",
    )
    assert run_id(moved) == run_id(Config(freeze_until="block1"))
    assert tuple(field.name for field in FIELDS if not field.metadata["identity"]) == tuple(
        field.name for field in FIELDS if field.name in NOT_IDENTITY
    )


@given(
    data_dir=st.text(),
    bad_images=st.sampled_from(["stop", "skip"]),
    workers=st.integers(0, 256),
    study=st.text(),
    until=st.sampled_from(("seeds", "decided", "looks")),
    out_dir=st.text(min_size=1),
    overwrite=st.booleans(),
    resume=st.booleans(),
    checkpoint_every=st.integers(0, 10**6).map(str),
    kernels=st.sampled_from(("auto", "xla", "llvm")),
    eval_batch_size=st.integers(1, 10**6),
    evaluate_train=st.booleans(),
    fresh_images=st.integers(0, 10**6),
    probes=st.sampled_from(("none", "all", "dying")),
    probe_every=st.sampled_from((1, 2)),
    precompute_frozen=st.booleans(),
    keep_state=st.booleans(),
)
def test_no_value_of_these_fields_changes_the_id(**fields):
    assert {*fields, "plugin"} == set(NOT_IDENTITY)  # whose file has to be there: test_plugin.py
    frozen = dict(freeze_until="block1", seed=5)
    assert run_id(Config(**fields, **frozen)) == run_id(Config(**frozen))


def test_identity_holds_what_differs_from_the_defaults():
    assert identity(Config()) == {}
    assert identity(Config(seed=2, dropout=0.5, out_dir="x")) == {"seed": 2, "dropout": 0.5}


def test_run_id_is_twelve_hexadecimal_digits():
    assert len(run_id(Config())) == 12
    assert set(run_id(Config())) <= set("0123456789abcdef")


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_resolving_twice_changes_nothing(model):
    once = resolve(Config(model=model, placement="all", order="before", dropout=0))
    assert resolve(once) == once
    assert once.order == Config.order
    assert type(once.dropout) is float


def _ends(field):
    bounds = field.metadata["bounds"]
    low, high = (float(end) for end in bounds[1:-1].split(","))
    return (bounds[0] == "[", low), (bounds[-1] == "]", high)


def _outside(field):
    (low_in, low), (high_in, high) = _ends(field)
    whole = isinstance(field.default, int)
    below = [low - 1] if low_in else [low, low - 1]
    above = [] if math.isinf(high) else [high + 1] if high_in else [high, high + 1]
    return [int(value) if whole else value for value in below + above] + [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("field", BOUNDED, ids=lambda field: field.name)
def test_what_is_outside_its_bounds_is_refused_by_name(field):
    for value in _outside(field):
        with pytest.raises(ConfigError, match=rf"^--{field.name}=.* is outside ") as caught:
            resolve(dataclasses.replace(Config(), **{field.name: value}))
        assert str(value) in str(caught.value)
        assert field.metadata["bounds"] in str(caught.value)


@pytest.mark.parametrize("field", BOUNDED, ids=lambda field: field.name)
def test_closed_ends_of_bounds_are_taken(field):
    (low_in, low), (high_in, high) = _ends(field)
    ends = [end for closed, end in ((low_in, low), (high_in, high)) if closed]
    for end in [*ends, field.default]:
        value = type(field.default)(end)
        companions = COMPANIONS.get(field.name, {})
        resolved = resolve(dataclasses.replace(Config(**companions), **{field.name: value}))
        assert getattr(resolved, field.name) == value


@pytest.mark.parametrize(
    ("name", "value", "computed"),
    [
        ("norm_epsilon", 1e-300, "0"),
        ("norm_epsilon", 1e-39, "0"),  # subnormal
        ("adam_epsilon", 1e-46, "0"),
        ("learning_rate", 1e-50, "0"),
        ("learning_rate", 1e39, "inf"),
        ("init_deviation", 1e39, "inf"),
        ("weight_decay", 1e-300, "0"),
        ("dropout", 1 - 1e-9, "1"),
        ("momentum", 1 - 1e-9, "1"),
        ("label_smoothing", 1 - 1e-9, "1"),
    ],
)
def test_a_number_counts_as_it_is_in_float32(name, value, computed):
    with pytest.raises(ConfigError, match=rf"^--{name}=.* is outside .*: it becomes {computed} in float32"):
        resolve(Config(**{name: value}))


def test_a_momentum_that_is_1_in_float32_leaves_keras2_nothing_to_divide_by():
    with pytest.raises(ConfigError, match="keras2-train nothing to divide by"):
        resolve(Config(placement="all", trained_norm_mode="keras2-train", norm_momentum=1 - 1e-12))


def test_every_number_has_bounds_or_choices():
    numbers = {field.name for field in FIELDS if type(field.default) in (int, float)}
    assert {field.name for field in BOUNDED} == numbers - {field.name for field in CHOSEN}


@pytest.mark.parametrize("field", CHOSEN, ids=lambda field: field.name)
def test_what_is_no_choice_is_refused_by_name(field):
    a_number = isinstance(field.default, int)
    for value in (-1, field.default + 1) if a_number else ("other", "", field.default.upper()):
        with pytest.raises(ConfigError, match=rf"^--{field.name}={value} is not one of ") as caught:
            resolve(dataclasses.replace(Config(), **{field.name: value}))
        assert all(str(choice) in str(caught.value) for choice in field.metadata["choices"])


@pytest.mark.parametrize("field", CHOSEN, ids=lambda field: field.name)
def test_every_choice_is_taken(field):
    for choice in field.metadata["choices"]:
        companions = COMPANIONS.get(field.name, {})
        resolved = resolve(dataclasses.replace(Config(**companions), **{field.name: choice}))
        canonical = {"order": Config.order, "momentum": "sgd"}  # a choice that becomes others
        expected = canonical.get(field.name, canonical.get(choice, choice))
        assert getattr(resolved, field.name) == expected


@pytest.mark.parametrize("name", ["placement", "dataset", "out_dir"])
def test_an_empty_text_is_refused_by_name(name):
    with pytest.raises(ConfigError, match=f"--{name} is empty"):
        resolve(dataclasses.replace(Config(), **{name: ""}))


def test_a_placement_of_another_model_is_refused():
    with pytest.raises(ConfigError, match="'block1/conv2' is not understood"):
        resolve(Config(model="cnn", placement="block1/conv2"))
    with pytest.raises(ConfigError, match="does not fit this model"):
        resolve(Config(model="mlp", hidden_layers=2, placement="dBr"))


def test_sites_follow_the_number_of_hidden_layers():
    assert resolve(Config(model="mlp", hidden_layers=3, placement="all")).placement == "drBdrBdrB"


def test_a_config_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1


def test_every_field_has_a_help_and_a_group():
    assert [field.name for field in FIELDS if not field.metadata["help"].endswith(".")] == []
    assert {field.metadata["group"] for field in FIELDS} == {
        "network",
        "data",
        "training",
        "files",
        "fine-tuning",
        "runs",
    }


@pytest.mark.parametrize(
    ("text", "pace"),
    [("0", (0, 0)), ("5", (5, 0)), ("10min", (0, 600)), ("0.5min", (0, 30))],
)
def test_checkpoints_come_by_epochs_or_by_minutes(text, pace):
    assert checkpoint_pace(text) == pace
    assert resolve(Config(checkpoint_every=text)).checkpoint_every == text


@pytest.mark.parametrize("text", ["0min", "-1", "1e3", "10 min", "10m", "min", "1.5", "nan"])
def test_other_paces_of_checkpoints_are_refused_by_a_line(text):
    with pytest.raises(ConfigError, match=f"--checkpoint_every={text} is neither"):
        resolve(Config(checkpoint_every=text))
