"""The notebook for Colab, executed on the CPU: everything is made once, and found when it is run again."""

import os
import sys
from pathlib import Path

import nbclient
import nbformat
import pytest
from starting import PATIENCE

from bnjax import records

pytestmark = pytest.mark.slow(minutes=0.5)

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "experiments/colab.ipynb"
SMALL = "EPOCHS = 2\nSEEDS = 2"


def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def with_settings(found, settings):
    """The notebook with a cell behind the one that is tagged as its parameters, as papermill does it."""
    [place] = [n for n, cell in enumerate(found.cells) if "parameters" in cell.metadata.get("tags", ())]
    found.cells.insert(place + 1, nbformat.v4.new_code_cell(settings))
    return found


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Executes the small notebook in a process of its own; returns a cell's id -> its outputs."""
    monkeypatch.setenv("BNJAX_OUT_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    for variable in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "jupyter"))

    def run(without=()):
        found = with_settings(notebook(), SMALL)
        found.cells = [cell for cell in found.cells if cell.id not in without]
        client = nbclient.NotebookClient(found, timeout=PATIENCE, kernel_name="python3")
        return {cell.id: cell.get("outputs", []) for cell in client.execute(cwd=str(tmp_path)).cells}

    return run


def shown(outputs, kind):
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def test_the_notebook_is_valid_and_holds_no_outputs():
    found = notebook()
    nbformat.validate(found)
    code = [cell for cell in found.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


@pytest.mark.parametrize("address", ["", "https:/nowhere.invalid/bnjax", str(ROOT / "absent")])
def test_an_address_that_cannot_be_read_is_told_before_anything_is_installed(address):
    [install] = [cell.source for cell in notebook().cells if cell.id == "install"]
    names = {}
    exec(install.partition("extra =")[0], names)
    assert install.index("check_address(REPOSITORY)") < install.index("!git clone")
    with pytest.raises(ValueError, match="REPOSITORY"):
        names["check_address"](address)
    names["check_address"](str(ROOT))


def test_the_notebook_makes_its_runs_once(execute, tmp_path):
    first = execute()
    files = sorted((tmp_path / "runs").glob("*/metrics.jsonl"))
    assert [records.find_summary(path)["status"] for path in files] == ["done"] * 5
    page = shown(first["report"], "text/html")[0]
    assert "5 runs" in page
    assert "about:srcdoc" in page  # without it the page's links lead nowhere
    assert shown(first["grid"], "text/html")[0].count("<tr") == 1 + 2
    assert shown(first["again"], "text/html")[0].count("<tr") == 1 + 3
    assert shown(first["plot"], "image/png")
    assert "batch_stats" in shown(first["model"], "text/plain")[0]
    assert (tmp_path / "runs/report.html").exists()

    before = {path: path.read_bytes() for path in files}
    execute(without=("plot", "again", "report"))  # they make no runs
    assert {path: path.read_bytes() for path in (tmp_path / "runs").glob("*/*.jsonl")} == before
