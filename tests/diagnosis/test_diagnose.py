"""``bnjax diagnose``: paragraphs on stdout, and one line where there is nothing to read. Without JAX."""

import dataclasses
import subprocess
import sys

import pytest
from starting import PATIENCE

from bnjax.commands.diagnosing import diagnose, findings_told
from bnjax.records import FILE_NAME, append
from bnjax.report.runs.readings import reading_of
from bnjax.report.runs.recorded import load_runs
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.settings.identity import run_id

MEASURED = dict(train_loss=1.0, train_accuracy=0.9, validation_loss=None, validation_accuracy=None)


def write_run(folder, seed=0, silent=0, running=0.7, **found):
    """A run of three epochs as it is recorded, in a folder of its own; returns its id."""
    config = resolve(
        Config(model="mlp", placement="all", dataset="digits", epochs=3, seed=seed, probes="all")
    )
    common = dict(schema=1, run_id=run_id(config))
    units = {"fc/dense1": dict(silent=silent, flat=0, units=64, active=0.5)}
    for record in (
        dict(kind="run", study="cifar10", config=dataclasses.asdict(config), sites={}, parameters=1,
             data=dict(name="digits", version="1", encoding="none"), versions=dict(jax="1", flax="1"),
             device=dict(kind="cpu", count=1), git_commit=None, started="2026-01-01T00:00:00Z"),
        *(dict(kind="epoch", epoch=number, step=9 * number, status="ok", **MEASURED, test_loss=1.0,
               test_accuracy=running, test_accuracy_fresh=0.71, dying=units, seconds=1.0,
               images_per_second=1.0, **found) for number in (1, 2, 3)),
    ):  # fmt: skip
        (folder / common["run_id"]).mkdir(parents=True, exist_ok=True)
        append(folder / common["run_id"] / FILE_NAME, common | record)
    return common["run_id"]


@pytest.fixture
def told(capsys):
    """Exit code, stdout and stderr of the command."""

    def run(*arguments):
        try:
            code = diagnose(["bnjax diagnose", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        return code, *capsys.readouterr()

    return run


def test_a_runs_paragraph(tmp_path, told):
    name = write_run(tmp_path, silent=12, running=0.52)
    for given in (tmp_path, tmp_path / name, tmp_path / name / FILE_NAME):
        code, out, err = told(given)
        assert (code, err) == (0, "")
        headline, lag, silent, _, unread = out.splitlines()
        assert (
            headline
            == f"run {name}: cifar10 dense, digits, seed 0; unfinished after 3 epochs, test accuracy 52.0%"
        )
        assert lag.startswith("  - evaluation lags: fresh statistics give 71.0%")
        assert lag.endswith("(Wu and Johnson 2021)")
        assert "12 of 64 of fc/dense1 since epoch 1" in silent
        assert unread == (
            "Not looked at, since no run recorded it: shift, gradients, rank, sharpness, calibration, skew; "
            "--probes=all records it."
        )


def test_of_many_runs_a_bounded_number_is_told(tmp_path, told):
    for seed in range(25):
        write_run(tmp_path, seed, silent=12 if seed < 22 else 0)
    out = told(tmp_path)[1]
    assert out.count("\nrun ") + out.startswith("run ") == 20
    assert "And 2 more runs with findings.\n" in out
    assert "Nothing found of 3 other runs.\n" in out


def test_a_healthy_run(tmp_path, told):
    name = write_run(tmp_path)
    out = told(tmp_path)[1]
    assert out.startswith(f"run {name}: ")
    assert "\n  nothing found\n" in out


def test_what_cannot_be_read(tmp_path, told):
    code, out, err = told(tmp_path / "absent")
    assert (code, out) == (2, "")
    assert err.startswith(
        f"bnjax diagnose: {tmp_path / 'absent'} is neither the folder of a run nor one of runs"
    )
    code, out, err = told(tmp_path)
    assert (code, out, err) == (1, "", f"bnjax diagnose: no run below {tmp_path} can be read\n")
    name = write_run(tmp_path)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / FILE_NAME).write_text("no record\n")
    code, out, err = told(tmp_path)
    assert (code, out.startswith(f"run {name}")) == (0, True)
    assert f"{tmp_path / 'damaged' / FILE_NAME}, line 1" in err
    assert told()[0] == 2


def test_it_is_a_command_without_jax(tmp_path):
    write_run(tmp_path)
    script = (
        "import sys; from bnjax.commands.console import main; "
        f"code = main(['diagnose', {str(tmp_path)!r}]); "
        "sys.exit(code or {'jax', 'flax', 'pandas'} & sys.modules.keys() != set())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "nothing found" in done.stdout


def test_the_skew_of_norms_inputs_can_be_read(tmp_path):
    """The mean over the norms of units with an activation; no number where the probe was not asked for."""
    skews = dict(input_5th=0.0, input_median=0.0, input_95th=0.0, input_skew=0.5)
    write_run(tmp_path, seed=1, activations={"fc/dense1": skews | dict(norm_input_skew=1.25)})
    write_run(tmp_path, seed=2)
    runs = {run.config.seed: run for run in load_runs(tmp_path)}
    assert reading_of("norm_input_skew", runs[1]) == 1.25
    assert reading_of("norm_input_skew", runs[2]) is None


def test_of_the_runs_of_a_command_it_is_said_at_once_how_many_have_findings(tmp_path):
    ids = [write_run(tmp_path, seed, silent=12, running=0.52 if seed else 0.7) for seed in (0, 1)]
    configs = [dataclasses.replace(run.config, out_dir=str(tmp_path)) for run in load_runs(tmp_path)]
    assert {run_id(config) for config in configs} == set(ids)
    assert findings_told(configs) == (
        f"findings in 2 runs: lag in 1, silent in 2; bnjax diagnose {tmp_path} says what they are"
    )
    healthy = dataclasses.replace(configs[0], seed=7)
    assert findings_told([healthy]) == ""  # not recorded
    write_run(tmp_path, seed=7)
    assert findings_told([healthy]) == ""
