"""The README's commands are the ones that are run."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def readme_commands():
    """The indented lines of the README that set an environment up."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.startswith("    python3 -m venv")]


def test_two_commands_set_everything_up():
    main_job, tests = readme_commands()
    assert main_job.endswith("&& python experiments/cifar10.py --dataset=digits")
    assert tests.endswith("&& pytest")


def test_ci_calls_exactly_the_test_command():
    assert readme_commands()[1] in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
