"""What records tell of where their numbers come from."""

import subprocess

import pytest
from small_runs import trained

import bnjax
from bnjax.runs.recording.run_record import git_commit


def git(folder, *arguments):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.check_output(["git", *who, *arguments], cwd=folder, text=True).strip()


def test_records_name_the_commit_of_the_checkout_and_whether_files_differ(tmp_path, monkeypatch):
    """The checkout is the folder that holds the package."""
    package = tmp_path / "bnjax" / "__init__.py"
    package.parent.mkdir()
    package.write_text("")
    monkeypatch.setattr(bnjax, "__file__", str(package))
    assert git_commit() is None
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert git_commit() == commit
    package.write_text("changed = True")
    assert git_commit() == f"{commit}-dirty"


@pytest.mark.slow
def test_records_hold_sites_in_the_networks_order():
    """JAX sorts names, `dense10` in front of `dense2`."""
    names = [f"fc/dense{number}" for number in range(1, 12)]
    _, _, epochs = trained(hidden_layers=11, epochs=1, fresh_images=32, probes="dying,gradients,rank")
    for probe in ("dying", "gradients", "rank"):
        assert list(epochs[-1][probe]) == names
