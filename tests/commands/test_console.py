"""The command ``bnjax``: from a word to what it stands for, in a process of its own."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from starting import PATIENCE

import bnjax
from bnjax import records
from bnjax.architectures import ARCHITECTURES
from bnjax.commands import console
from bnjax.commands.listing import LISTS, front_page
from bnjax.norm import NORMS
from bnjax.probes import PROBES
from bnjax.studies import STUDIES

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"jax", "jaxtyping", "flax", "optax", "pandas", "matplotlib"}
TINY = ("--dataset=digits", "--model=mlp", "--width=16", "--epochs=1")


def bnjax_command(*arguments, **options):
    command = [sys.executable, "-m", "bnjax", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options)


@pytest.fixture
def told(capsys):
    """Exit code, stdout and stderr of a command in this process."""

    def run(*arguments):
        try:
            code = console.main(arguments)
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture(autouse=True)
def _signals_stay(monkeypatch):
    monkeypatch.setattr(console, "exit_at_signals", lambda: None)


def test_the_project_installs_the_command():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"bnjax": "bnjax.commands.console:main"}


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",)])
def test_the_front_page_names_every_command(arguments, told):
    code, out, err = told(*arguments)
    assert (code, out, err) == (0, front_page() + "\n", "")
    for name in (*STUDIES, "report", "diagnose", "list"):
        assert f"\n  {name} " in out
    assert max(map(len, out.splitlines())) <= 110


def test_the_version_is_that_of_the_package(told):
    assert told("--version") == (0, f"bnjax {bnjax.__version__}\n", "")


def test_an_unknown_command_is_answered_with_one_line(told):
    code, out, err = told("cifar")
    assert (code, out) == (2, "")
    assert err.startswith("bnjax: 'cifar' is not one of ")
    assert "did you mean 'cifar10'?" in err
    assert len(err.splitlines()) == 1


def test_a_list_is_folded_to_the_terminal(told, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, whole, _ = told("list", "probes")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    _, folded, _ = told("list", "probes")
    assert max(map(len, whole.splitlines())) > 200
    assert max(map(len, folded.splitlines())) <= 80
    assert folded.split() == whole.split()


def test_an_unknown_list_is_answered_with_one_line(told):
    code, out, err = told("list", "network")
    assert (code, out) == (2, "")
    assert err.startswith("bnjax list: 'network' is not one of studies, ")
    assert "did you mean 'networks'?" in err


@pytest.mark.parametrize("arguments", [("cifar10", "--help"), ("report", "--help"), ("list", "--help")])
def test_a_command_explains_itself_by_the_name_that_is_typed(arguments, told):
    code, out, err = told(*arguments)
    assert (code, err) == (0, "")
    assert f"bnjax {arguments[0]} " in out
    assert "python " not in out


def test_a_list_has_what_is_registered(told):
    code, out, err = told("list")
    assert (code, err) == (0, "")
    for name in (*STUDIES, *ARCHITECTURES, *NORMS, *PROBES, "digits", "cifar10", "folder:PATH"):
        assert f"\n  {name} " in out
    code, networks, _ = told("list", "networks")
    assert code == 0
    assert "cifar10" not in networks
    assert "cnn" in networks
    for kind in LISTS:
        assert told("list", kind)[1] in out
    code, _, err = told("list", "everything")
    assert code == 2
    assert "'everything'" in err


def test_pages_import_no_jax():
    code = (
        "import sys; from bnjax.commands.console import main\n"
        "for words in ([], ['cifar10', '--help'], ['cifar10', '--lr=1']):\n"
        "    try: main(words)\n"
        "    except SystemExit: pass\n"
        f"print({HEAVY} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.slow
def test_a_run_and_its_report_from_the_command(tmp_path):
    run = bnjax_command("cifar10", *TINY, f"--out_dir={tmp_path}")
    assert (run.returncode, run.stderr.splitlines()[1:]) == (0, [])
    [path] = tmp_path.glob("*/metrics.jsonl")
    assert run.stdout == path.read_text(encoding="utf-8")
    assert records.read(path)[-1]["status"] == "done"
    again = bnjax_command("cifar10", *TINY, f"--out_dir={tmp_path}")
    assert again.returncode == 0
    assert again.stderr.startswith("bnjax cifar10: finished before")
    report = bnjax_command("report", str(tmp_path))
    assert (report.returncode, report.stderr) == (0, "")
    assert "mlp" in report.stdout
    refused = bnjax_command("report", str(tmp_path), "--speed=x")
    assert refused.returncode == 2
    assert "bnjax report: --speed" in refused.stderr
