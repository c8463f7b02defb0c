"""Where things lie when nobody says so: at home, or in the temporary folder where there is no home."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from starting import PATIENCE, SCRIPT

from bnjax.files import cache_dir, home
from bnjax.settings.fields import ConfigError
from bnjax.settings.places import expanded

SMALL = ("--dataset=digits", "--model=mlp", "--width=16", "--batch_size=64", "--epochs=1")


@pytest.fixture
def no_home(monkeypatch):
    def unknown(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)
    monkeypatch.setattr(Path, "expanduser", unknown)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)


@pytest.mark.usefixtures("no_home")
def test_without_a_home_the_temporary_folder_stands_in(monkeypatch):
    monkeypatch.delenv("BNJAX_CACHE_DIR")
    assert home() == Path(tempfile.gettempdir()) / f"bnjax-{os.getuid()}"
    assert cache_dir() == home() / ".cache" / "bnjax"


@pytest.mark.usefixtures("no_home")
def test_a_cache_that_is_named_needs_no_home(monkeypatch):
    monkeypatch.setenv("BNJAX_CACHE_DIR", "/cache")
    assert cache_dir() == Path("/cache")


@pytest.mark.usefixtures("no_home")
def test_a_tilde_that_means_nothing_is_named():
    with pytest.raises(ConfigError, match="~/runs: no home folder is known for ~ here"):
        expanded("~/runs")


# Runs a script as `python script arguments` does, for a user that is in no list.
_AS_NOBODY = """
import pwd, runpy, sys
def unknown(number):
    raise KeyError(number)
pwd.getpwuid, sys.argv = unknown, sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_as_nobody(folder, *arguments):
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    return subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(SCRIPT), *SMALL, *arguments],
        env={**kept, "TMPDIR": str(folder), "BNJAX_CACHE_DIR": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.slow
def test_a_run_of_a_user_without_a_home(tmp_path):
    done = run_as_nobody(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / f"bnjax-{os.getuid()}" / ".cache" / "bnjax" / "arrays").is_dir()
    refused = run_as_nobody(tmp_path, "--out_dir=~/runs")
    assert refused.returncode == 2
    assert "~/runs: no home folder is known for ~ here" in refused.stderr.splitlines()[-1]
