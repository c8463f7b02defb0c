"""The forms of the report, from the command line: what each writes, refuses and says of odd folders."""

import importlib.util
import os
import subprocess
import sys

import pandas
import pytest
from PIL import Image
from test_report import ROOT
from test_report import record_run as record_cifar10
from test_report_mnist import record_run
from test_report_photographs import record_run as record_photographs
from test_report_vgg7 import record_run as record_vgg7

from bnjax.studies import STUDIES
from bnjax.studies.mnist import MNIST

_SPEC = importlib.util.spec_from_file_location("report_script", ROOT / "experiments/report.py")
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


@pytest.fixture
def report(capsys):
    """Runs report.py: exit code, stdout, stderr."""

    def run(*arguments):
        try:
            code = script.main(["report.py", *map(str, arguments)])
        except SystemExit as end:
            code = end.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def mnist(tmp_path):
    for settings in MNIST.sweeps["bn-or-not"].values():
        record_run(tmp_path / "runs", [0.9, 0.91], epochs=2, **settings)
    return tmp_path / "runs"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--out=x.pdf"], "--out=x.pdf ends in none of .html, .htm, .md, .markdown"),
        (["--out=x"], "--out=x ends in none of"),
        (["--out=x.csv"], "--format=csv writes tables to a folder"),
        (
            ["--out=x.html", "--format=markdown"],
            "x.html does not end in .md or .markdown, as --format=markdown",
        ),
        (["--out=nowhere/x.html"], "the folder nowhere does not exist"),
        (["--format=csv"], "give --out=FOLDER too"),
        (["--format=csv", "--out=x.csv"], "name a folder"),
        (["--format=csv", "--out=runs"], "runs exists already; name a new folder or an empty one"),
        (["--figures=file"], "--figures=file is not a folder"),
    ],
)
def test_flags_that_do_not_fit_are_refused(report, mnist, monkeypatch, flags, said):
    monkeypatch.chdir(mnist.parent)
    (mnist.parent / "file").touch()
    code, out, err = report("runs", *flags)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize(
    ("name", "start"), [("x.md", "# Where"), ("x.HTML", "<!doctype html>"), ("x.htm", "<!doctype html>")]
)
def test_the_name_of_the_page_decides_its_format_and_figures_are_drawn_beside_it(
    report, mnist, tmp_path, name, start
):
    code, out, err = report(mnist, f"--out={tmp_path / name}", f"--figures={tmp_path / 'figures'}")
    assert (code, out) == (0, "")
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)
    files = sorted((tmp_path / "figures").iterdir())
    assert [file.name for file in files] == ["mnist-bn-or-not-seeds.png", "mnist-bn-or-not.png"]
    assert err.splitlines() == [f"report.py: {path}" for path in (tmp_path / name, files[1], files[0])]


def test_csv_is_a_file_for_each_table_that_pandas_reads(report, mnist, tmp_path):
    record_vgg7(mnist, [2.0, 1.0])
    (tmp_path / "tables").mkdir()
    code, out, _ = report(mnist, "--format=csv", f"--out={tmp_path / 'tables'}")
    assert (code, out) == (0, "")
    frames = {path.name: pandas.read_csv(path) for path in sorted((tmp_path / "tables").iterdir())}
    assert list(frames) == [
        "1-claims-claims-and-verdicts.csv",
        "2-claims-the-texts.csv",
        "3-contrasts-contrasts.csv",
        "4-vgg7-digits-published-2-placements-by-their-lowest-test-loss.csv",
        "5-conditions-conditions.csv",
        "6-missing-not-run.csv",
        "7-runs-runs.csv",
    ]
    assert frames["7-runs-runs.csv"].seed.tolist() == [0, 0, 0]
    assert frames["5-conditions-conditions.csv"].n.tolist() == [1, 1, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "tables"]


def test_tables_are_written_whole_or_not_at_all(report, mnist, tmp_path, monkeypatch):
    def full(path, content):
        if "claims" not in path.name:
            raise OSError(28, "No space left on device", str(path))
        path.write_bytes(content)

    monkeypatch.setattr("bnjax.files.write_whole", full)
    code, _, err = report(mnist, "--format=csv", f"--out={tmp_path / 'tables'}")
    assert code == 1
    assert f"No space left on device: '{tmp_path / 'tables'}'" in err
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_where_there_is_nothing_to_draw_it_is_said(report, tmp_path):
    record_run(tmp_path / "runs", [0.9], epochs=1, dataset="folder:photos", placement="none")
    code, out, err = report(tmp_path / "runs", f"--figures={tmp_path / 'figures'}")
    assert (code, len(err.splitlines())) == (0, 1)
    assert f"--figures={tmp_path / 'figures'}: nothing to draw" in err
    assert "| mlp dr" in out
    assert not (tmp_path / "figures").exists()


def test_the_figures_of_every_study_are_drawn(report, tmp_path):
    for settings in STUDIES["mobilenet"].sweeps["order"].values():
        record_photographs(tmp_path / "runs", "mobilenet", [1.0, 0.5], epochs=2, **settings)
    for dropout in (0.0, 0.2):
        record_cifar10(tmp_path / "runs", [0.5] * 5, dropout=dropout, epochs=5)
    code, _, _ = report(tmp_path / "runs", f"--figures={tmp_path / 'figures'}")
    assert code == 0
    names = [path.name for path in sorted((tmp_path / "figures").iterdir())]
    assert names == ["cifar10-dropout-alone.png", "mobilenet-order-folder-photos.png"]
    with Image.open(tmp_path / "figures" / names[0]) as picture:
        assert min(picture.size) > 500


@pytest.mark.parametrize("form", [[], ["--format=markdown"], ["--format=csv", "--out={}/tables"]])
def test_more_epochs_than_any_run_has(report, mnist, tmp_path, form):
    code, out, err = report(mnist, "99", *(flag.format(tmp_path) for flag in form))
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "has 99 epochs; the longest has 2" in err
    assert not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("backend", "settings"),
    [
        ("module://matplotlib_inline.backend_inline", ""),
        ("nosuchbackend", ""),
        ("tkagg", "text.usetex: True\nsavefig.bbox: tight\nfont.size: 40\nbackend: qtagg\n"),
    ],
)
def test_pictures_do_not_depend_on_the_users_matplotlib(mnist, tmp_path, backend, settings):
    for settings_of, told in ((tmp_path / "plain", ""), (tmp_path / "users", settings)):
        settings_of.mkdir()
        (settings_of / "matplotlibrc").write_text(told, encoding="utf-8")
        command = [sys.executable, ROOT / "experiments/report.py", mnist, f"--out={settings_of / 'x.html'}"]
        usual = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        users = {"MPLBACKEND": backend} if told or "plain" not in settings_of.name else {}
        done = subprocess.run(
            [*command, f"--figures={settings_of}"],
            env={**usual, **users, "MATPLOTLIBRC": str(settings_of)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    for name in ("x.html", "mnist-bn-or-not.png", "mnist-bn-or-not-seeds.png"):
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "users" / name).read_bytes()


def test_conditions_that_no_text_speaks_of_have_a_table(report, tmp_path):
    for seed, accuracy in enumerate([0.50, 0.52, 0.54]):
        fields = dict(test_accuracy=accuracy)
        record_photographs(tmp_path, "mobilenet", [1.0, 0.5, 0.75], fields, epochs=3, seed=seed)
    record_photographs(tmp_path, "finetune", [1.0, 0.5], epochs=2, weights="a.h5")
    record_cifar10(tmp_path, [0.5], dataset="digits", epochs=1)
    record_cifar10(tmp_path, [0.5], dataset="digits", epochs=2, seed=1)
    code, out, err = report(tmp_path)
    assert (code, err) == (0, "")
    assert "none of 2 runs of the CNN is one of their conditions and has 5 finite epochs" in out
    lines = [line.split(" | ") for line in out.splitlines() if line.startswith("| ")][2:]
    rows = {(line[0].split()[1], line[3]): line[4:] for line in lines}
    assert len(rows) == 4
    assert rows["mobilenetv2", "3"] == [
        *("3", "52.00 [47.03, 56.97], n = 3", "52.00 [47.03, 56.97], n = 3"),
        *("0.5000 [0.5000, 0.5000], n = 3", "0.7500 [0.7500, 0.7500], n = 3", "- |"),
    ]
    assert rows["inceptionv3", "2"][:2] == ["1", "75.00 (one seed, no interval)"]
    assert rows["cnn", "2"][0] == "0"
    assert rows["cnn", "2"][-1] == "1 interrupted |"


def test_conditions_whose_schedule_ends_with_the_last_epoch_are_kept_apart(report, tmp_path):
    for epochs in (2, 3):
        record_photographs(tmp_path, "mobilenet", [1.0] * epochs, epochs=epochs, schedule="cosine")
        record_photographs(tmp_path, "mobilenet", [1.0] * epochs, epochs=epochs, seed=epochs)
    _, out, _ = report(tmp_path, 2)
    lines = [line.split(" | ") for line in out.splitlines() if line.startswith("| mobilenetv2")]
    assert [(line[3], line[4]) for line in lines] == [("2", "2"), ("2", "1"), ("2 of 3", "1")]
    _, out, _ = report(tmp_path, 3)
    assert "1 shorter" in out


def _one_run(folder):
    record_run(folder, [0.9] * 6, placement="none", epochs=6)


def _one_epoch(folder):
    for settings in MNIST.sweeps["bn-or-not"].values():
        record_run(folder, [0.9], epochs=1, **settings)
    record_cifar10(folder, [0.5], epochs=1)
    record_vgg7(folder, [1.0])
    record_photographs(folder, "mobilenet", [1.0], epochs=1)


def _diverged(folder):
    record_run(folder, [], placement="none", status="diverged")
    record_vgg7(folder, [None])


def _interrupted(folder):
    record_run(folder, [0.9], placement="none", status="interrupted", epochs=3)
    record_cifar10(folder, [0.5, 0.5], epochs=10)
    record_vgg7(folder, [1.0], epochs=3)


@pytest.mark.parametrize("make", [_one_run, _one_epoch, _diverged, _interrupted])
@pytest.mark.parametrize("form", ["text", "x.html", "x.md", "csv"])
def test_every_form_of_odd_folders(report, tmp_path, make, form):
    make(tmp_path / "runs")
    flags = {"text": [], "csv": ["--format=csv", f"--out={tmp_path / 'x'}"]}
    flags = flags.get(form, [f"--out={tmp_path / form}"])
    code, out, err = report(tmp_path / "runs", f"--figures={tmp_path / 'figures'}", *flags)
    assert code == 0
    assert (form == "text") == bool(out)
    assert "conditions" in "".join(path.name for path in (tmp_path / "x").glob("*")) or form != "csv"
    assert any(said in err for said in ("nothing to draw", ".png"))
    if form == "text":
        blocks = [block.splitlines() for block in out.split("\n\n")]
        assert all(len(block) > 2 for block in blocks if block[0].startswith("| "))
