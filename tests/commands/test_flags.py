"""The command line: its help, its complaints, and what comes before JAX."""

import dataclasses
import json
import shlex
import subprocess
import sys

import pytest

import bnjax
from bnjax.architectures import ARCHITECTURES
from bnjax.commands.flags import command_from_flags
from bnjax.commands.help_pages import help_page
from bnjax.data.load import fit_validation
from bnjax.settings.canonical import resolve
from bnjax.settings.config import FIELDS, Config
from bnjax.settings.freezing import TRAINED
from bnjax.settings.identity import run_id
from bnjax.settings.options import OPTION_FIELDS
from bnjax.studies import STUDIES, recipe

PROGRAM = "somewhere/cifar10.py"
HEAVY = {"jax", "flax", "optax", "tensorflow", "tensorflow_datasets", "PIL"}


def command_of(*arguments, experiment="cifar10"):
    return command_from_flags([PROGRAM, *arguments], experiment)


def config_of(*arguments):
    [config] = command_of(*arguments).configs
    return config


def complaint_of(capsys, *arguments):
    """The one line on stderr of a wrong command line."""
    with pytest.raises(SystemExit) as caught:
        config_of(*arguments)
    out, err = capsys.readouterr()
    assert caught.value.code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith("cifar10.py: ")
    assert "--help" in err
    return err


@pytest.mark.parametrize("width", ["100", "40", "1"])
def test_full_help_covers_every_field(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", width)
    text = help_page(PROGRAM, "cifar10", "all")
    words = " ".join(text.split())
    for field in (*FIELDS, *OPTION_FIELDS):
        assert f"\n  --{field.name}" in text
        assert width != "100" or field.metadata["help"] in words.replace("- ", "-")
        for choice in field.metadata["choices"] or ():
            assert str(choice) in words


def test_help_tells_both_recipes_defaults():
    words = " ".join(help_page(PROGRAM, "cifar10", "all").split())
    assert "(default none, with --recipe=controlled epoch)" in words
    assert "(default raw, with --recipe=controlled standardize)" in words
    assert "--recipe=published|controlled" in words


def test_full_help_fits_a_terminal_of_100_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = help_page(PROGRAM, "cifar10", "all").splitlines()
    assert max(len(line) for line in lines if not line.startswith("  --")) <= 100


@pytest.mark.parametrize("study", STUDIES)
def test_help_fits_a_screen(study, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = help_page(f"bnjax {study}", study).splitlines()
    assert len(lines) <= (50 if study == "finetune" else 35)
    typed = [line for line in lines if line.startswith(f"  bnjax {study} ")]
    assert len(typed) == len(STUDIES[study].examples) > 1
    assert max(len(line) for line in lines if line not in typed) <= 100


@pytest.mark.parametrize("study", STUDIES)
def test_every_example_of_the_help_is_a_command(study, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for flags in STUDIES[study].examples:
        assert command_of(*shlex.split(flags), experiment=study).configs


@pytest.mark.parametrize("flag", ["--help", "-h", "-help"])
def test_help_is_printed_beside_other_flags(flag, capsys):
    with pytest.raises(SystemExit) as caught:
        config_of("--epochs=3", flag)
    assert caught.value.code == 0
    assert "--help=network" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flag", "flags", "others"),
    [
        ("--helpfull", {"--learning_rate", "--num_processes"}, set()),
        ("--help=network", {"--placement", "--norm_momentum"}, {"--learning_rate", "--num_processes"}),
        ("--help=hosts", {"--num_processes"}, {"--placement"}),
    ],
)
def test_help_of_a_group_shows_its_flags_alone(flag, flags, others, capsys):
    with pytest.raises(SystemExit) as caught:
        config_of(flag)
    assert caught.value.code == 0
    shown = {line.split("=")[0].strip() for line in capsys.readouterr().out.splitlines()}
    assert flags <= shown
    assert others & shown == set()


def test_a_version_is_printed(capsys):
    with pytest.raises(SystemExit) as caught:
        config_of("--version")
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"bnjax {bnjax.__version__}\n"


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


OTHER_VALUES = Config(
    model="mlp",
    placement="drNdGr",
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
OTHERS_INSTEAD = dataclasses.replace(OTHER_VALUES, **INSTEAD, trained="norms")
EXACT = dict(augment="none", dropout=0.0, norm_mode="inference", train_norms=False)
COMPUTED_ONCE = dataclasses.replace(OTHER_VALUES, **EXACT, precompute_frozen=True)
EVERY_VALUE = (OTHER_VALUES, OTHERS_INSTEAD, COMPUTED_ONCE)


def test_every_field_is_a_flag():
    all_given = [{f.name: getattr(values, f.name) for f in FIELDS} for values in EVERY_VALUE]
    unchanged = [f.name for f in FIELDS if all(given[f.name] == f.default for given in all_given)]
    assert unchanged == ["order", "plugin", "plugin_digest", "until"]  # these ask for files and other flags
    for given, values in zip(all_given, EVERY_VALUE, strict=True):
        assert config_of(*(f"--{name}={value}" for name, value in given.items())) == values


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
        usual += [] if setting == "trained" else ["--freeze_until="]
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


def test_what_a_sweep_varies_cannot_be_given(capsys):
    with pytest.raises(SystemExit) as caught:
        command_of("--sweep=batch-sizes", "--batch_size=7", experiment="mnist")
    assert caught.value.code == 2
    assert "--batch_size=7: --sweep=batch-sizes gives that itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--sweep=everything"], ("--sweep=everything", "conditions")),
        (["--seeds=0"], ("--seeds=0", "[1,1000000]")),
        (["--seed=4294967295", "--seeds=2"], ("--seed=4294967296",)),
        (["--jobs=-1"], ("--jobs=-1", "[0,1024]")),
        (["--lanes=0"], ("--lanes=0", "auto", "1 to 4096")),
        (["--lanes=many"], ("--lanes=many", "auto")),
        (["--vary=dropout=0|2"], ("--dropout=2.0", "[0,1)")),
        (["--vary=placement=cnov"], ("'cnov'", "did you mean 'conv'?")),
        (["--vary=dropout=0|0.4", "--dropout=0.2"], ("--dropout=0.2", "--vary=dropout=0|0.4 gives that")),
        (["--movie=a.avi"], ("--movie=a.avi", ".gif, .webp, .mp4")),
        (["--movie=no such folder/a.gif"], ("no such folder",)),
        (["--weight_movie=a.gif", "--seeds=2"], ("--weight_movie=a.gif", "one run", "2")),
    ],
)
def test_options_that_cannot_be_are_answered_with_one_line(flags, words, capsys):
    line = complaint_of(capsys, *flags)
    assert [word for word in words if word not in line] == []


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


COMPLAINTS = {
    ("--epoch=3",): ["--epoch;", "did you mean --epochs?"],
    ("--batchsize=3",): ["--batchsize;", "did you mean --batch_size?"],
    ("--lr=3",): ["--lr;", "did you mean --learning_rate?"],
    ("--nooverwrit",): ["--nooverwrit;", "did you mean --overwrite?"],
    ("--zzz",): ["there is no flag --zzz ("],
    ("--help=everything",): ["--help=everything", "network, data, training", "all"],
    ("--vary=model=cnn|mpl",): ["--model=mpl", "did you mean mlp?"],
    ("--vary=dropot=0|0.5",): ["'dropot'", "did you mean dropout?"],
    ("--epochs=abc",): ["--epochs", "abc"],
    ("--epochs=2.5",): ["--epochs", "'2.5' is not a whole number; write one such as 10"],
    ("--epochs=1e3",): ["--epochs", "'1e3' is not a whole number; write 1000"],
    ("--seeds=1,000",): ["--seeds", "'1,000' is not a whole number; write 1000"],
    ("--dropout=0,4",): ["--dropout", "'0,4' is not a number; write 0.4"],
    ("--dropout=40%",): ["--dropout", "'40%' is not a number; write 0.4"],
    ("--dropout=half",): ["--dropout", "'half' is not a number; write one such as 0.4"],
    ("--vary=dropout=0|0,4",): ["--vary=dropout=0|0,4", "'0,4' is not a number; write 0.4"],
    ("--norm_epsilon=1e-300",): ["--norm_epsilon=1e-300", "0 in float32"],
    ("--epochs",): ["epochs"],
    ("--epochs=0",): ["--epochs=0", "[1,1000000]"],
    ("--learning_rate=0",): ["--learning_rate=0.0", "(0,inf)"],
    ("--learning_rate=1e999",): ["--learning_rate=inf", "(0,inf)"],
    ("--learning_rate=nan",): ["--learning_rate=nan"],
    ("--dropout=1",): ["--dropout=1.0", "[0,1)"],
    ("--seed=-1",): ["--seed=-1"],
    ("--width=99999999999999999999999999",): ["--width", "[1,65536]"],
    ("--width=" + "9" * 5000,): ["--width"],
    ("--model=vgg",): ["--model=vgg", "cnn, mlp, vgg7, resnet, mobilenetv2, inceptionv3"],
    ("--recipe=publish",): ["--recipe=publish", "published, controlled"],
    ("--recipe=",): ["--recipe=", "published, controlled"],
    ("--placement=cnov",): ["'cnov'", "entry 1", "did you mean 'conv'?", "cr-cr-dr"],
    ("--placement=conv,fc:befor",): ["'befor'", "entry 2", "absent, before, after"],
    ("--placement=crcr-crcr-drdr",): ["'crcr-crcr-drdr'", "'cr-cr-dr'"],
    ("--placement=",): ["--placement", "empty"],
    ("--dataset=",): ["--dataset", "empty"],
    ("--dataset=folder:",): ["--dataset=folder:", "folder:PATH"],
    ("--dataset=folders:x",): ["--dataset=folders:x", "folder:PATH"],
    ("--image_size=3",): ["--image_size=3", "[4,1024]"],
    ("--bad_images=ignore",): ["--bad_images=ignore", "stop, skip"],
    ("--dataset=a\nb", "--model=c\nd"): ["--model"],
    ("--overwrite=maybe",): ["--overwrite", "maybe"],
    ("positional",): ["'positional'", "--name=value"],
    ("--seed=1", "--", "--epochs=1"): ["'--epochs=1'"],
    ("--flagfile=/nonexistent/flags",): ["/nonexistent/flags"],
}


@pytest.mark.parametrize(("arguments", "parts"), COMPLAINTS.items(), ids=lambda value: " ".join(value)[:40])
def test_a_wrong_command_line_is_answered_with_one_line(arguments, parts, capsys):
    line = complaint_of(capsys, *arguments)
    assert [part for part in parts if part not in line] == []


def test_a_complaint_names_a_default_only_where_nothing_was_given(capsys):
    assert "default" not in complaint_of(capsys, "--dropout=2")


def test_a_complaint_is_no_python_value(capsys):
    assert "('" not in complaint_of(capsys, "--overwrite=maybe")


def test_a_flagfile_that_is_no_text_is_answered_with_one_line(capsys, tmp_path):
    flagfile = tmp_path / "flags"
    flagfile.write_bytes(b"--seed=\xff\xd0\n")
    assert str(flagfile) in complaint_of(capsys, f"--flagfile={flagfile}")


def test_the_script_helps_without_jax(run_watched):
    result = run_watched("--help")
    assert result.returncode == 0
    assert result.stderr == ""
    assert "--placement" in result.stdout
    assert "--dataset=digits" in result.stdout
    assert result.imported & HEAVY == set()
    assert "bnjax.settings.config" in result.imported


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


@pytest.mark.parametrize(
    ("argument", "word"),
    [
        ("--epoch=3", "--epochs"),
        ("--placement=cnov", "'cnov'"),
        ("--dropout=1.5", "--dropout=1.5"),
        ("--recipe=best", "--recipe=best"),
        ("--dataset=folders:x", "folder:PATH"),
        ("conv", "'conv'"),
        ("--epochs=abc", "--epochs=abc"),
    ],
)
def test_the_script_complains_without_jax(argument, word, run_watched, tmp_path):
    result = run_watched(argument, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert word in line
    assert result.imported & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_the_vgg7_door_helps_and_complains_without_jax(run_watched, tmp_path):
    told = run_watched("--help", script="vgg7.py")
    assert (told.returncode, told.stderr) == (0, "")
    assert "vgg7.py --sweep=groups --seeds=5" in told.stdout
    assert "block1, block2, fc, pick, groups, grid, grid-orders" in " ".join(told.stdout.split())
    refused = run_watched("--placement=block3", script="vgg7.py", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("vgg7.py: ")
    assert "'block3'" in line
    assert "crcr-crcr-drdr" in line
    assert (told.imported | refused.imported) & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_the_mobilenet_door_helps_and_complains_without_jax(run_watched, tmp_path):
    told = run_watched("--help", script="mobilenet.py")
    assert (told.returncode, told.stderr) == (0, "")
    assert "mobilenet.py --sweep=order --seeds=3" in told.stdout
    assert "order, order-bias" in told.stdout
    refused = run_watched("--order=behind", script="mobilenet.py", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("mobilenet.py: --order=behind is not one of before, after")
    assert (told.imported | refused.imported) & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_the_finetune_door_helps_and_complains_without_jax(run_watched, tmp_path):
    told = run_watched("--help", script="finetune.py")
    assert (told.returncode, told.stderr) == (0, "")
    assert "modes, separate, keras2" in " ".join(told.stdout.split())
    refused = run_watched("--model=cnn", script="finetune.py", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    [line] = refused.stderr.splitlines()
    assert line.startswith("finetune.py: --freeze_until=249 is not a block of cnn: block1, block2, fc")
    assert "--freeze_until is the default of finetune" in line
    assert (told.imported | refused.imported) & HEAVY == set()
    assert not (tmp_path / "runs").exists()


def test_help_whose_reader_has_gone_ends_quietly(cifar10_command):
    process = subprocess.Popen(
        [*cifar10_command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.close()
    stderr = process.stderr.read()
    process.wait(60)
    process.stderr.close()
    assert stderr == ""


def test_nothing_on_the_lower_floors_imports_jax():
    modules = "bnjax.studies, bnjax.records, bnjax.commands.flags"
    code = f"import {modules}, sys; print({HEAVY} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_absent_data_is_answered_without_jax(run_watched, tmp_path):
    result = run_watched(f"--data_dir={tmp_path / 'nowhere'}", cwd=tmp_path)
    assert result.returncode == 1
    [line] = result.stderr.splitlines()
    assert str(tmp_path / "nowhere") in line
    assert "jax" not in result.imported
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("script", "argument", "words"),
    [
        ("speed_lanes.py", "--lanes=0", ("--lanes", "'0'")),
        ("speed_lanes.py", "--networks=mlp,cmm", ("'cmm'", "cnn, vgg7, mlp")),
        ("speed_layers.py", "--rounds=x", ("--rounds", "'x'")),
        ("speed_grid.py", "--placements=65", ("'65'", "1 to 64")),
        ("speed_stream.py", "/nowhere", ("/nowhere", "does not exist")),
    ],
)
def test_a_speed_script_complains_without_jax(script, argument, words, run_watched):
    result = run_watched(argument, script=script)
    assert result.returncode == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith(f"{script}: ")
    assert [word for word in words if word not in line] == []
    assert "jax" not in result.imported
