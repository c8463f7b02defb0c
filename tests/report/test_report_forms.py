"""The forms of the report, from the command line: what each writes, refuses and says of odd folders."""

import importlib.util
import io
import os
import re
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

from bnjax.report.page.document import Report, Section, Table, mean_cell, number, text
from bnjax.report.page.plain import as_csv
from bnjax.stats import Estimate
from bnjax.studies import STUDIES
from bnjax.studies.mnist import MNIST

_SPEC = importlib.util.spec_from_file_location("report_script", ROOT / "experiments/report.py")
script = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(script)


#: What the runs of MNIST that are made here give.
FIGURES = [
    "mnist-bn-or-not-seeds.png",
    "mnist-bn-or-not.png",
    "runs-mlp-on-mnist-2-epochs-curves.png",
    "runs-mlp-on-mnist-2-epochs-dots.png",
]


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
        (["--format=latex"], "give --out=FOLDER too"),
        (["--format=latex", "--out=x.tex"], "name a folder"),
        (["--figure_format=pdf"], "give --figures=DIR too"),
        (["--figure_width=page", "--out=x.md"], "give --figures=DIR too"),
        (["--against=conv"], "--against=conv is no condition of these runs, which are: none; dense"),
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
    assert [file.name for file in files] == FIGURES
    written = [tmp_path / name, files[3], files[2], files[1], files[0]]
    assert err.splitlines() == [f"report.py: {path}" for path in written]


def test_csv_is_a_file_for_each_table_that_pandas_reads(report, mnist, tmp_path):
    record_vgg7(mnist, [2.0, 1.0])
    (tmp_path / "tables").mkdir()
    code, out, _ = report(mnist, "--format=csv", f"--out={tmp_path / 'tables'}")
    assert (code, out) == (0, "")
    frames = {path.name: pandas.read_csv(path) for path in sorted((tmp_path / "tables").iterdir())}
    assert list(frames) == [
        "01-runs-mlp-on-mnist-2-epochs-every-condition.csv",
        "02-runs-mlp-on-mnist-2-epochs-minus-none.csv",
        "03-runs-vgg7-on-digits-2-epochs-every-condition.csv",
        "04-claims-claims-and-verdicts.csv",
        "05-claims-what-claims-speak-of-and-what-is-left-to-chance.csv",
        "06-claims-the-texts.csv",
        "07-contrasts-contrasts.csv",
        "08-contrasts-what-contrasts-rest-on.csv",
        "09-vgg7-digits-published-2-placements-by-their-lowest-test-loss.csv",
        "10-missing-not-run.csv",
        "11-runs-runs.csv",
    ]
    assert frames["11-runs-runs.csv"].seed.tolist() == [0, 0, 0]
    assert [frames[name].n.tolist() for name in list(frames)[:3:2]] == [[1, 1], [1]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "tables"]


def test_csv_has_numbers_where_a_table_has_them():
    """A mean in three numbers and its n; what is missing is no text in a column of numbers."""
    rows = [
        [text("a"), mean_cell(Estimate(0.5, 0.25, 0.75, 3), ".2f"), number(1.5)],
        [text("b"), mean_cell(Estimate(0.7, None, None, 1), ".2f"), number(None)],
        [text("-"), mean_cell(None), number(2)],
    ]
    report = Report("r", [], [Section("s", "s", (), [Table("t", ("of", "loss", "p"), rows)])])
    [content] = as_csv(report).values()
    frame = pandas.read_csv(io.StringIO(content))
    assert list(frame.columns) == ["of", "loss", "loss, from", "loss, to", "loss, n", "p"]
    assert frame.of.tolist() == ["a", "b", "-"]
    assert frame.select_dtypes("number").shape == (3, 5)
    assert frame.loc[0].tolist() == ["a", 0.5, 0.25, 0.75, 3, 1.5]
    assert frame.isna().sum().tolist() == [0, 1, 2, 2, 1, 1]


def test_tables_are_written_whole_or_not_at_all(report, mnist, tmp_path, monkeypatch):
    def full(path, content):
        if "minus" in path.name:
            raise OSError(28, "No space left on device", str(path))
        path.write_bytes(content)

    monkeypatch.setattr("bnjax.files.write_whole", full)
    code, _, err = report(mnist, "--format=csv", f"--out={tmp_path / 'tables'}")
    assert code == 1
    assert f"No space left on device: '{tmp_path / 'tables'}'" in err
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_where_there_is_nothing_to_draw_it_is_said(report, tmp_path):
    told = dict(epochs=2, dataset="folder:photos", placement="none")
    record_run(tmp_path / "runs", [0.9], status="interrupted", **told)
    code, out, err = report(tmp_path / "runs", f"--figures={tmp_path / 'figures'}")
    assert (code, len(err.splitlines())) == (0, 1)
    assert f"--figures={tmp_path / 'figures'}: nothing to draw: no run has come to its last epoch" in err
    assert "Left out, since they did not come to epoch 2: none: interrupted (seed 0)." in out
    assert not (tmp_path / "figures").exists()


def test_latex_tables_have_the_rules_of_booktabs_and_no_raw_letters(report, mnist, tmp_path):
    code, out, _ = report(mnist, "--format=latex", f"--out={tmp_path / 'tables'}")
    assert (code, out) == (0, "")
    [path] = (tmp_path / "tables").glob("*minus-none.tex")
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[:2] == [r"\begin{table}", r"\centering"]
    rules = [line for line in lines if line.endswith("rule")]
    assert rules == [r"\toprule", r"\midrule", r"\bottomrule"]
    head, row = lines[lines.index(r"\toprule") + 1], lines[lines.index(r"\midrule") + 1]
    assert head.startswith("condition & pairs & test accuracy, points & ")
    assert row.startswith(r"dense & 1 & +0.00 & ")
    assert row.count("&") == head.count("&")
    assert row.endswith(r" \\")
    entries = (tmp_path / "tables/references.bib").read_text(encoding="utf-8")
    assert re.findall(r"^@\w+\{(\w+),$", entries, re.MULTILINE) == ["bnjax", *STUDIES]
    assert entries.count("{") == entries.count("}")
    assert "  year = {{2018}}," in entries
    for file in (tmp_path / "tables").glob("*.tex"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"(?<!\\)[%#_$^~](?!-\$)", text.replace("$-$", "")), file


@pytest.mark.parametrize(("width", "inches"), [("column", 3.5), ("page", 7.16)])
def test_figures_for_papers_are_as_wide_as_asked_and_bring_their_letters(
    report, mnist, tmp_path, width, inches
):
    for form in ("pdf", "svg"):
        flags = [f"--figures={tmp_path / form}", f"--figure_format={form}", f"--figure_width={width}"]
        code, _, err = report(mnist, *flags)
        assert (code, "Warning" in err) == (0, False)
    names = [name.replace("png", "pdf") for name in FIGURES]
    assert sorted(path.name for path in (tmp_path / "pdf").iterdir()) == names
    for name in names:
        pdf = (tmp_path / "pdf" / name).read_bytes()
        box = re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+) ", pdf)
        assert float(box[1]) == pytest.approx(72 * inches, abs=1)
        assert b"/FontFile2" in pdf  # TrueType, embedded
        svg = (tmp_path / "svg" / name.replace("pdf", "svg")).read_text(encoding="utf-8")
        assert "<text" not in svg  # letters are outlines


def test_the_figures_of_every_study_are_drawn(report, tmp_path):
    for settings in STUDIES["mobilenet"].sweeps["order"].values():
        record_photographs(tmp_path / "runs", "mobilenet", [1.0, 0.5], epochs=2, **settings)
    for dropout in (0.0, 0.2):
        record_cifar10(tmp_path / "runs", [0.5] * 5, dropout=dropout, epochs=5)
    code, _, _ = report(tmp_path / "runs", f"--figures={tmp_path / 'figures'}")
    assert code == 0
    names = [path.name for path in sorted((tmp_path / "figures").iterdir())]
    assert [name for name in names if not name.startswith("runs-")] == [
        "cifar10-dropout-alone.png",
        "mobilenet-order-folder-photos.png",
    ]
    assert len(names) == 6
    with Image.open(tmp_path / "figures" / names[0]) as picture:
        assert min(picture.size) > 500


@pytest.mark.parametrize("form", [[], ["--format=markdown"], ["--format=csv", "--out={}/tables"]])
def test_more_epochs_than_any_run_has(report, mnist, tmp_path, form):
    code, out, err = report(mnist, "99", *(flag.format(tmp_path) for flag in form))
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "has 99 epochs; the longest has 2" in err
    assert not (tmp_path / "tables").exists()


#: What matplotlib is told by its variable and by its file of settings.
USERS = [
    ("module://matplotlib_inline.backend_inline", ""),
    ("nosuchbackend", ""),
    ("tkagg", "text.usetex: True\nsavefig.bbox: tight\nfont.size: 40\nbackend: qtagg\n"),
]


def test_pictures_do_not_depend_on_the_users_matplotlib(mnist, tmp_path):
    usual = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    drawn = []
    for place, (backend, settings) in enumerate([(None, ""), *USERS]):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / "matplotlibrc").write_text(settings, encoding="utf-8")
        command = [sys.executable, ROOT / "experiments/report.py", mnist, f"--out={folder / 'x.html'}"]
        users = {"MPLBACKEND": backend} if backend else {}
        done = subprocess.run(
            [*command, f"--figures={folder}"],
            env={**usual, **users, "MATPLOTLIBRC": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        drawn.append({name: (folder / name).read_bytes() for name in ("x.html", *FIGURES)})
    assert all(pages == drawn[0] for pages in drawn)


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
    assert "every-condition" in "".join(path.name for path in (tmp_path / "x").glob("*")) or form != "csv"
    assert any(said in err for said in ("nothing to draw", ".png"))
    if form == "text":
        blocks = [block.splitlines() for block in out.split("\n\n")]
        assert all(len(block) > 2 for block in blocks if block[0].startswith("| "))
