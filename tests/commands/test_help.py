"""Help fits a screen and tells everything."""

import shlex

import pytest
from typed_commands import PROGRAM, command_of, config_of

import bnjax
from bnjax.commands.parsing.help_pages import help_page
from bnjax.settings.config import FIELDS
from bnjax.settings.options import OPTION_FIELDS
from bnjax.studies import STUDIES


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
