"""``--plugin``: a user's file that adds things, by the example of bnjax/README.md, done as it is written."""

import hashlib
import shlex
import subprocess
import sys

import pytest
from documents import blocks, command_lines, section

import bnjax
from bnjax import records
from bnjax.architectures import ARCHITECTURES, Architecture, ImageShape
from bnjax.commands.parsing.flags import command_from_flags
from bnjax.norm import Norm
from bnjax.plugins import PluginError, load_plugin
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id
from bnjax.sweeps import worker
from bnjax.sweeps.plan import Task

DOCUMENT = section("bnjax/README.md", "Or leave bnjax as it is: a plugin")
NORM = """
import bnjax
from bnjax.nn.norms import ExampleNorm
from bnjax.norm import Norm


class Halved(ExampleNorm):
    def normalised(self, x):
        return x / 2


bnjax.register(Norm("halved", "H", f"{__name__}:Halved"))
"""


pytestmark = pytest.mark.usefixtures("registries_stay")


@pytest.fixture
def mine(tmp_path):
    """The example's file."""
    path = tmp_path / "mine.py"
    path.write_text(blocks(DOCUMENT, "python")[0], encoding="utf-8")
    return path


def bnjax_command(*arguments, cwd):
    command = [sys.executable, "-m", "bnjax", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=400, check=False)


@pytest.mark.slow
def test_the_example_does_what_it_says(mine):
    sweep, report, other = [shlex.split(line)[1:] for line in command_lines(DOCUMENT)]
    done = bnjax_command(*sweep, "--jobs=2", cwd=mine.parent)
    assert done.returncode == 0, done.stderr
    digest = hashlib.sha256(mine.read_bytes()).hexdigest()[:12]
    paths = [*mine.parent.glob("runs/*/metrics.jsonl")]
    assert len(paths) == 6
    for path in paths:
        run, *_, summary = records.read(path)
        assert summary["status"] == "done"
        assert run["study"] == "mystudy"
        assert run["data"]["name"] == "stripes"
        assert run["config"]["plugin_digest"] == digest
        assert run["sites"].keys() == {"body/conv1", "body/dense1"}
    again = bnjax_command(*sweep, cwd=mine.parent)
    assert "6 finished before" in again.stderr
    made = bnjax_command(*report, cwd=mine.parent)
    assert made.returncode == 0, made.stderr
    page = (mine.parent / "report.html").read_text(encoding="utf-8")
    assert "Norms make it more accurate." in page
    without = bnjax_command("report", "runs", cwd=mine.parent)
    assert without.returncode == 1
    assert "there is no network 'mine'; --plugin=FILE.py names the file" in without.stderr
    one = bnjax_command(*other, "--epochs=1", "--out_dir=others", cwd=mine.parent)
    assert one.returncode == 0, one.stderr
    helped = bnjax_command("mystudy", "--plugin=mine.py", "--help", cwd=mine.parent)
    assert helped.stdout.startswith("Trains my network on my images.")
    listed = bnjax_command("list", "--plugin=mine.py", cwd=mine.parent)
    for name in ("mystudy", "mine", "stripes"):
        assert f"\n  {name} " in listed.stdout


@pytest.mark.slow
def test_a_norm_of_ones_own_trains_from_python(tmp_path):
    path = tmp_path / "halved.py"
    path.write_text(NORM, encoding="utf-8")
    runs = bnjax.sweep(
        "cifar10",
        {"norm": ["halved", "layer"]},
        plugin=path,
        placement="all",
        dataset="digits",
        model="mlp",
        width=16,
        epochs=1,
        out_dir=tmp_path / "runs",
    )
    assert [run["config"]["norm"] for run in (one.run for one in runs.recorded)] == ["halved", "layer"]
    [config] = command_from_flags(
        ["x", f"--plugin={path}", "--placement=drH", "--model=mlp"], "cifar10"
    ).configs
    assert config.norm == "halved"


def test_the_content_is_part_of_a_runs_name(mine):
    def ids(*flags):
        return [run_id(config) for config in command_from_flags(["x", *flags], "cifar10").configs]

    plain, first = ids(), ids(f"--plugin={mine}")
    assert first != plain
    moved = mine.rename(mine.with_name("elsewhere.py"))
    assert ids(f"--plugin={moved}") == first
    moved.write_text(moved.read_text(encoding="utf-8") + "\n# other\n", encoding="utf-8")
    assert ids(f"--plugin={moved}") != first


def test_a_digest_that_is_asked_for_is_held_against_the_file(mine, capsys):
    digest = load_plugin(str(mine))
    assert resolve(Config(plugin_digest=digest)).plugin_digest == digest  # it is loaded
    with pytest.raises(PluginError, match=r"has the digest .* now, not 000000000000"):
        load_plugin(str(mine), "000000000000")
    with pytest.raises(SystemExit) as caught:
        command_from_flags(["x", "--plugin_digest=000000000000"], "cifar10")
    assert caught.value.code == 2
    assert "give --plugin=FILE.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "No such file or directory"),
        ("x = 1\nfoo()\n", ", line 2: NameError: name 'foo' is not defined"),
        ("x = 1\nx = (\n", ", line 2: SyntaxError"),
        ("import bnjax\n\nbnjax.register(3)", ", line 3: PluginError: cannot register 3"),
    ],
)
def test_a_bad_file_is_answered_with_one_line(code, said, tmp_path, capsys):
    path = tmp_path / "bad.py"
    if code is not None:
        path.write_text(code, encoding="utf-8")
    with pytest.raises(SystemExit) as caught:
        command_from_flags(["bnjax cifar10", "--plugin", str(path), "--help"], "cifar10")
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith(f"bnjax cifar10: --plugin={path}")
    assert said in err
    with pytest.raises(PluginError) as raised:
        bnjax.run("cifar10", plugin=path)
    assert str(raised.value).startswith("plugin=")


def test_a_file_that_is_no_python_is_refused(tmp_path):
    with pytest.raises(PluginError, match=r"does not end in \.py"):
        load_plugin(str(tmp_path / "x.txt"))


def network(name):
    return Architecture(name, "x:X", ImageShape((8, 8, 1), 1), lambda _: ())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (network("cnn"), "there is a network 'cnn' already"),
        (network("My-Net"), "small letters"),
        (Norm("mine", "B", "x:X"), "a capital letter of its own, beside B (batch)"),
        (Norm("mine", "xx", "x:X"), "a capital letter"),
        ("cnn", "none of Architecture, Norm, Probe, Study, Source"),
    ],
)
def test_what_cannot_be_registered_is_refused(value, said):
    with pytest.raises(PluginError) as raised:
        bnjax.register(value)
    assert said in str(raised.value)


def test_another_version_of_a_file_takes_the_place_of_the_first():
    first, second = network("mine"), network("mine")
    bnjax.register(first)
    bnjax.register(second)
    assert ARCHITECTURES["mine"] is second


@pytest.mark.slow
def test_a_worker_refuses_a_file_that_was_changed(mine):
    config = resolve(Config(plugin=str(mine)))
    told = {}
    assert worker._has_plugins(Task((config,), gated=False), told.__setitem__)
    mine.write_text(mine.read_text(encoding="utf-8") + "\n# other\n", encoding="utf-8")
    assert not worker._has_plugins(Task((config,), gated=False), told.__setitem__)
    assert "its content was changed" in told[config]
