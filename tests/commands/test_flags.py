"""The command line: every setting is a flag, and flags become the settings of runs."""

import dataclasses
import json

import pytest
from typed_commands import PROGRAM, command_of, complaint_of, config_of

from bnjax.architectures import ARCHITECTURES
from bnjax.commands.parsing.help_pages import help_page
from bnjax.data.load import fit_validation
from bnjax.settings.canonical import resolve
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.freezing import TRAINED
from bnjax.settings.identity import run_id
from bnjax.settings.options import OPTION_FIELDS
from bnjax.studies import STUDIES, recipe


def test_without_flags_a_config_is_the_published_recipe():
    assert config_of() == resolve(recipe("cifar10", "published"))


def test_a_recipe_is_overridden_by_explicit_flags():
    controlled = config_of("--recipe=controlled")
    assert (controlled.shuffle, controlled.input_scale) == ("epoch", "standardize")
    mixed = config_of("--shuffle=none", "--recipe=controlled")
    assert (mixed.recipe, mixed.shuffle, mixed.input_scale) == ("controlled", "none", "standardize")
    same = config_of("--recipe=controlled", "--shuffle=epoch", "--input_scale=standardize")
    assert same == controlled


def test_a_flag_that_repeats_a_published_default_overrides_too():
    assert config_of("--input_scale=raw", "--recipe=controlled").input_scale == "raw"


def test_a_transformer_brings_its_norm_and_a_scale_of_images():
    brought = config_of("--model=vit", "--placement=all")
    assert (brought.norm, brought.input_scale) == ("layer", "standardize")
    given = config_of("--model=vit", "--placement=all", "--norm=batch", "--input_scale=raw")
    assert (given.norm, given.input_scale) == ("batch", "raw")


OTHER_VALUES = Config(
    model="mlp",
    placement="iN-drNdGr",
    norm="renorm",
    norm_groups=7,
    renorm_r=2.0,
    renorm_d=3.0,
    renorm_steps=100,
    dropout=0.25,
    activation="leaky_relu",
    negative_slope=0.3,
    hidden_layers=2,
    width=7,
    depth=8,
    shortcut="project",
    residual_block="preactivation",
    input_site=True,
    decay_all=True,
    norm_noise=0.5,
    accumulate=3,
    batches="sorted",
    weight_standardisation=True,
    vit_depth=2,
    vit_width=8,
    vit_heads=2,
    vit_patch=2,
    width_multiplier=0.5,
    stride_padding="same",
    halvings=3,
    conv_bias=True,
    bn_batch="device",
    init_deviation=0.5,
    kernel_init="he_normal",
    norm_momentum=0.9,
    norm_epsilon=1e-5,
    dataset="mnist",
    classes="3,bird",
    data_dir="some where/data",
    image_size=48,
    bad_images="skip",
    stream="never",
    workers=2,
    augment="crop_flip",
    validation=0.1,
    train_images=500,
    test_images=200,
    input_scale="unit",
    shuffle="epoch",
    recipe="controlled",
    epochs=3,
    batch_size=32,
    optimizer="sgd",
    learning_rate=0.5,
    schedule="step",
    decay_epochs=7,
    decay_factor=0.5,
    label_smoothing=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    adam_form="paper",
    adam_epsilon=1e-7,
    precision="bfloat16",
    kernels="xla",
    eval_batch_size=250,
    seed=4294967295,
    study="öther",
    out_dir="öther",
    overwrite=True,
    weights="some where/weights.h5",
    pretrain_epochs=5,
    freeze_until="fc",
    train_norms=True,
    norm_mode="frozen",
    trained_norm_mode="inference",
    head_width=16,
    evaluate_train=True,
    fresh_images=300,
    probes="dying,gradients",
    probe_every=3,
    keep_state=True,
    resume=False,
    checkpoint_every="3",
)


#: What takes the place of settings above.
INSTEAD = dict(
    weights="none",
    pretrain="cifar10",
    pretrain_classes="3,bird",
    freeze_until="",
    train_norms=False,
    norm_mode="train",
)


OTHERS_INSTEAD = dataclasses.replace(
    OTHER_VALUES, **INSTEAD, trained="norms", optimizer="adam", momentum=0.0, adam_decay="gradient"
)


EXACT = dict(augment="none", dropout=0.0, norm_noise=0.0, norm_mode="inference", train_norms=False)


COMPUTED_ONCE = dataclasses.replace(OTHER_VALUES, **EXACT, precompute_frozen=True)


EVERY_VALUE = (OTHER_VALUES, OTHERS_INSTEAD, COMPUTED_ONCE)


def test_every_field_is_a_flag():
    all_given = [{f.name: getattr(values, f.name) for f in FIELDS} for values in EVERY_VALUE]
    unchanged = [f.name for f in FIELDS if all(given[f.name] == f.default for given in all_given)]
    assert unchanged == ["order", "plugin", "plugin_digest", "until"]  # these ask for files and other flags
    unread = {name for one in ARCHITECTURES.values() for name in one.own_settings} - set(
        ARCHITECTURES["mlp"].own_settings
    )
    for given, values in zip(all_given, EVERY_VALUE, strict=True):
        read = (f"--{name}={value}" for name, value in given.items() if name not in unread)
        assert config_of(*read) == dataclasses.replace(values, **{name: DEFAULTS[name] for name in unread})


DEFAULTS = {field.name: field.default for field in FIELDS}


@pytest.mark.parametrize("model", ARCHITECTURES)
def test_settings_of_a_network_are_read_with_it_alone(model, capsys):
    own = ARCHITECTURES[model].own_settings
    given = [f"--{name}={getattr(OTHER_VALUES, name)}" for name in own]
    made = config_of(f"--model={model}", *given)
    assert [getattr(made, name) for name in own] == [getattr(OTHER_VALUES, name) for name in own]
    for other in ARCHITECTURES.values():
        for name in set(other.own_settings) - set(own):
            flag = (
                f"--{name}={OTHER_VALUES.input_site}"
                if name == "input_site"
                else f"--{name}={DEFAULTS[name]}"
            )
            line = complaint_of(capsys, f"--model={model}", flag)
            assert flag.removesuffix("=True") + f" is not read with --model={model}" in line
            assert other.name in line


def test_a_setting_is_taken_where_one_run_of_several_reads_it():
    configs = command_of("--vary=model=mlp|cnn", "--hidden_layers=3").configs
    assert {config.model for config in configs} == {"mlp", "cnn"}


def test_the_optimizer_momentum_is_sgd_with_momentum():
    plain, given = config_of("--optimizer=momentum"), config_of("--optimizer=momentum", "--momentum=0.5")
    assert (plain.optimizer, plain.momentum) == ("sgd", 0.9)
    assert (given.optimizer, given.momentum) == ("sgd", 0.5)


def test_a_momentum_of_0_is_a_momentum():
    assert config_of("--optimizer=momentum", "--momentum=0").momentum == 0
    varied = command_of("--optimizer=momentum", "--vary=momentum=0|0.5|0.9").configs
    assert [config.momentum for config in varied] == [0, 0.5, 0.9]
    optimizers = command_of("--momentum=0", "--vary=optimizer=sgd|momentum|adam").configs
    assert [(config.optimizer, config.momentum) for config in optimizers] == [("sgd", 0), ("adam", 0)]


@pytest.mark.parametrize("experiment", STUDIES)
def test_a_condition_expands_what_stands_for_other_settings_as_flags_do(experiment, tmp_path):
    for setting, values in {
        "recipe": ("published", "controlled"),
        "model": tuple(ARCHITECTURES),
        "optimizer": ("adam", "sgd", "momentum"),
        "trained": TRAINED,
    }.items():
        usual = ["--weights=none", "--placement=all"]
        # Parts are trained alone where norms are of batches and nothing decays the rest.
        usual += ["--norm=batch", "--weight_decay=0"] if setting == "trained" else ["--freeze_until="]
        file = tmp_path / "conditions.json"
        file.write_text(json.dumps([{setting: value} for value in values]), encoding="utf-8")
        by_flag = [
            config
            for value in values
            for config in command_of(*usual, f"--{setting}={value}", experiment=experiment).configs
        ]
        for asked in (f"--vary={setting}={'|'.join(values)}", f"--sweep={file}"):
            assert [*command_of(*usual, asked, experiment=experiment).configs] == list(dict.fromkeys(by_flag))


def test_another_network_brings_its_own_image_size():
    def size(*flags, experiment="finetune"):
        [config] = command_of("--weights=none", "--freeze_until=", *flags, experiment=experiment).configs
        return config.image_size

    assert size() == size("--model=inceptionv3") == 299
    assert size("--model=cnn") == size("--model=vgg7") == size("--model=mlp") == 32
    assert size("--model=mobilenetv2") == 224
    assert size("--model=cnn", "--image_size=299") == 299
    assert size("--model=inceptionv3", experiment="mobilenet") == 299
    assert size("--model=mobilenetv2", experiment="cifar10") == 32  # as ever: it is large enough
    assert size("--model=inceptionv3", experiment="cifar10") == 299


def test_what_is_trained_takes_the_place_of_the_recipes_frozen_part():
    [norms] = command_of("--trained=norms", experiment="finetune").configs
    assert (norms.freeze_until, norms.train_norms, norms.trained) == ("", False, "norms")
    [whole] = command_of("--freeze_until=", experiment="finetune").configs
    assert (whole.freeze_until, whole.train_norms) == ("", False)


def test_every_option_is_a_flag_and_no_part_of_a_run():
    for field in OPTION_FIELDS:
        assert f"--{field.name}" in help_page(PROGRAM, "mnist", "all")
        assert field.name not in {f.name for f in FIELDS}


def test_seeds_count_on_from_the_first():
    configs = command_of("--seed=3", "--seeds=2").configs
    assert [config.seed for config in configs] == [3, 4]


@pytest.mark.parametrize("experiment", STUDIES)
def test_a_sweep_is_every_condition_with_every_seed_once(experiment):
    for sweep, conditions in STUDIES[experiment].sweeps.items():
        configs = command_of(f"--sweep={sweep}", "--seeds=2", "--epochs=7", experiment=experiment).configs
        assert len({run_id(config) for config in configs}) == len(configs) == 2 * len(conditions)
        assert {config.epochs for config in configs} == {7}
        first = configs[: len(conditions)]
        assert {config.seed for config in first} == {0}  # a sweep that is cut has whole seeds
        assert all(config == resolve(config) for config in configs)


def test_a_grid_is_every_combination_with_every_seed():
    configs = command_of("--vary=placement=none|all; dropout=0|0.4", "--seeds=3").configs
    assert len(configs) == 12
    assert {(c.placement, c.dropout) for c in configs} == {
        (placement, dropout) for placement in ("cr-cr-dr", "crB-crB-drB") for dropout in (0.0, 0.4)
    }


def test_flags_take_their_values_in_absls_other_ways():
    assert config_of("--epochs", "7", "-seed=2", "--overwrite").epochs == 7
    assert config_of("--overwrite", "--nooverwrite").overwrite is False
    assert config_of("--seed=1", "--seed=2").seed == 2


def test_order_becomes_part_of_the_placement():
    config = config_of("--placement=conv,fc:after", "--order=before")
    assert (config.placement, config.order) == ("cBr-cBr-drB", Config.order)


def test_numbers_are_of_their_fields_types():
    config = config_of("--learning_rate=1", "--epochs=2")
    for field in dataclasses.fields(config):
        assert type(getattr(config, field.name)) is type(field.default)


def finetune_on(folder, *flags, splits=("train", "test", "val")):
    """Configs of finetune.py on a folder with these splits, as they are run."""
    for split in splits:
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            (folder / split / name / "1.png").touch()
    command = command_of(f"--dataset=folder:{folder}", *flags, experiment="finetune")
    return [fit_validation(c) if c in command.yielding else c for c in command.configs]


def test_images_for_validation_take_the_place_of_the_recipes_held_out_part(tmp_path):
    [ours] = finetune_on(tmp_path)
    [given] = finetune_on(tmp_path, "--validation=0.1")
    assert (ours.validation, given.validation) == (0.0, 0.1)
    assert run_id(ours) != run_id(given)
    assert {config.validation for config in finetune_on(tmp_path, "--vary=validation=0.1|0.2")} == {0.1, 0.2}
    [alone] = finetune_on(tmp_path / "alone", splits=("train", "test"))
    assert alone.validation == 0.1
