"""What records tell of where their numbers come from."""

import subprocess

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
