"""What the speed comparison wrote, shown on the page: from lines made here."""

import csv
import io
import json

import pytest
from speed_peers.figure import speed_figure
from speed_peers.measurement_files import load_speed
from speed_peers.measurements import significant
from speed_peers.section import speed_section
from test_report import report_process
from test_report_mnist import record_run

from bnjax.records import RecordError
from bnjax.report.page.build import folder_report
from bnjax.report.page.html_page import as_html
from bnjax.report.page.plain import as_csv, as_markdown

MACHINE = {
    "kind": "machine",
    "platform": "Linux-x86_64",
    "cpu_model": "Made-up 9000",
    "threads": 2,
    "load_average": 0.125,
    "versions": {"jax": "1.2.3", "torch": "not installed"},
    "git_commit": "0123456789abcdef",
    "started": "2031-02-03T04:05:06+00:00",
}


def spread(middle):
    return {"median": middle, "min": middle / 2, "max": 2 * middle}


def speed(contestant="bnjax", network="mlp", **changes):
    return {
        "kind": "speed",
        "network": network,
        "precision": "float32",
        "contestant": contestant,
        "image_shape": [28, 28, 1],
        "batch_size": 100,
        "parameters": 204_042,
        "rounds": 3,
        "steps": 150,
        "step_ms": spread(2.0),
        "ratio": spread(1.0),
        "images_per_second": 50_000.0,
        "evaluation_images_per_second": 70_000.0,
        "of_product": spread(0.125),
        "first_step_seconds": 3.25,
        "peak_memory_mib": 512,
        "epoch_data": "digits",
        "epoch_images": 1400,
        "epoch_seconds": spread(0.5),
        "epoch_ratio": spread(1.0),
        **changes,
    }


FLAX = speed("flax", step_ms=spread(3.0), ratio=spread(1.5), peak_memory_mib=None)
CNN = speed("flax", "cnn", ratio=None, epoch_ratio=None, epoch_seconds=None, epoch_data=None, epoch_images=0)
ABSENT = {
    "kind": "absent",
    "network": "mlp",
    "precision": "float32",
    "contestant": "torch-eager",
    "status": "skipped",
    "reason": "torch is not installed",
}
PRODUCT = {
    "kind": "matrix_product",
    "precision": "float32",
    "library": "JAX",
    "size": 2048,
    "gflops": spread(200.0),
}
SWEEP = {
    "kind": "sweep",
    "network": "mlp",
    "precision": "float32",
    "contestant": "flax",
    "image_shape": [28, 28, 1],
    "batch_size": 100,
    "runs": 4,
    "seconds": 12.25,
    "ratio": 1.75,
}
BFLOAT16 = [speed(precision="bfloat16", step_ms=spread(1.0)), {**PRODUCT, "precision": "bfloat16"}]


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path):
    """Both precisions, measured one after the other."""
    first = write(tmp_path / "speed.jsonl", MACHINE, ABSENT, speed(), FLAX, SWEEP, CNN, PRODUCT)
    return [first, write(tmp_path / "bfloat16.jsonl", {**MACHINE, "git_commit": None}, *BFLOAT16)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(21473.4, "21470"), (640.44, "640.4"), (640.0, "640"), (0.75049, "0.7505"), (0.00012, "0.00012")],
)
def test_a_number_has_four_digits_and_no_exponent(value, text):
    assert significant(value) == text


def test_a_table_for_each_network(files):
    section = speed_section(load_speed(files))
    mlp, cnn, sweeps = section.tables
    assert mlp.title == "mlp, 28 x 28 pixels, batch 100, 204,042 parameters, 3 rounds of 150 steps"
    rows = [dict(zip(mlp.columns, (cell.text for cell in row), strict=True)) for row in mlp.rows]
    assert [(row["contestant"], row["precision"]) for row in rows] == [
        ("bnjax", "float32"),
        ("plain Flax", "float32"),
        ("bnjax", "bfloat16"),
    ]
    assert rows[1] == {
        "contestant": "plain Flax",
        "precision": "float32",
        "ms per step": "3",
        "least": "1.5",
        "most": "6",
        "time over bnjax's": "1.50",
        "least ratio": "0.75",
        "most ratio": "3.00",
        "images per second": "50,000",
        "of the matrix product, %": "12.5",
        "evaluation, images per second": "70,000",
        "first step, s": "3.2",
        "peak memory, MiB": "-",
        "seconds per epoch": "0.5",
        "epoch over bnjax's": "1.00",
    }
    assert "An epoch has 1,400 digits" in mlp.note
    assert "Left out: PyTorch eager, float32 (skipped: torch is not installed)." in mlp.note
    assert "Left out" not in cnn.note
    assert {cell.text for cell in cnn.rows[0][-2:]} == {"-"}
    expected = ["plain Flax", "mlp, 28 x 28 pixels, batch 100", "float32", "4", "12.2", "1.75"]
    assert [[cell.text for cell in row] for row in sweeps.rows] == [expected]


def test_a_fine_tuned_network_is_another_one(tmp_path):
    whole = [speed(), {**ABSENT, "frozen": False}]
    fine_tuned = [speed(frozen=True, of_product=None), {**ABSENT, "frozen": True, "reason": "it is too old"}]
    results = load_speed([write(tmp_path / "speed.jsonl", MACHINE, *whole, *fine_tuned)])
    first, second = speed_section(results, pictures=False).tables
    assert first.title.startswith("mlp, 28 x 28")
    assert second.title.startswith("mlp, fine-tuned, 28 x 28")
    assert "torch is not installed" in first.note
    assert "too old" not in first.note
    assert "too old" in second.note
    assert second.rows[0][second.columns.index("of the matrix product, %")].text == "-"


def test_machine_versions_commit_and_date_stand_beside(files):
    first, second = speed_section(load_speed(files), pictures=False).paragraphs
    assert first == (
        "Measured 2031-02-03 on 2 cores of Made-up 9000; Linux-x86_64; commit 0123456789ab; jax 1.2.3; "
        "load at the start 0.1; float32 matrix product of 2048 rows in JAX 200 GFLOP/s (100 to 400)."
    )
    assert "commit unknown" in second
    assert "bfloat16 matrix product" in second


def test_the_figure_marks_bnjax_and_names_every_dot(files):
    figure = speed_figure(load_speed(files))
    mlp, cnn = figure.axes
    assert [tick.get_text() for tick in mlp.get_yticklabels()] == ["bnjax", "plain Flax"]
    bnjax, flax = (tick.get_color() for tick in mlp.get_yticklabels())
    assert bnjax != flax
    labels = [text.get_text() for text in mlp.texts]
    assert labels == ["2 ms (float32)", "3 ms, 1.50 times bnjax (float32)", "1 ms (bfloat16)"]
    assert [text.get_text() for text in cnn.texts] == ["2 ms"]
    ranges = [list(line.get_xdata()) for line in mlp.get_lines()[::2]]
    assert ranges == [[1.0, 4.0], [1.5, 6.0], [0.5, 2.0]]


def test_every_format_shows_it(files, tmp_path):
    record_run(tmp_path, [0.9, 0.9], placement="none", epochs=2)
    report = folder_report(tmp_path, more=[speed_section(load_speed(files))])
    page, markdown = as_html(report), as_markdown(report)
    assert '<figure id="speed-steps">' in page
    assert 'href="#speed"' in page
    assert "| plain Flax | float32 | 3 | 1.5 | 6 | 1.50 |" in markdown
    assert "mlp, 28 x 28 pixels, batch 100: bnjax 1 ms (bfloat16), bnjax 2 ms (float32)" in markdown
    texts = [text for name, text in as_csv(report).items() if "-speed-" in name]
    rows = [row for text in texts for row in list(csv.reader(io.StringIO(text)))[1:]]
    assert [row[0] for row in rows] == ["bnjax", "plain Flax", "bnjax", "plain Flax", "plain Flax"]
    assert "speed" not in [section.name for section in folder_report(tmp_path, pictures=False).sections]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "no result of experiments/speed.py, which begins with the machine"),
        ([speed()], "no result of experiments/speed.py, which begins with the machine"),
        (["torn"], "line 1: not JSON"),
        ([MACHINE, "[1]"], "line 2: kind None is not one of machine, speed, absent, sweep, matrix_product"),
        ([MACHINE, {"kind": "epoch"}], "line 2: kind 'epoch' is not one of"),
        ([MACHINE, {**speed(), "ratio": 1.5}], "line 2: speed record: ratio is 1.5"),
        ([MACHINE, {**speed(), "step_ms": spread(0.0)}], "line 2: speed record: step_ms is"),
        ([MACHINE, '{"kind": "speed", "network": NaN}'], "line 2: not JSON (NaN is not a number)"),
        (
            [MACHINE, {"kind": "matrix_product"}],
            "line 2: matrix_product record: field 'precision' is missing",
        ),
        ([MACHINE, speed(), speed()], "line 3: bnjax at mlp in float32 was measured twice"),
    ],
)
def test_a_foreign_or_damaged_file_is_one_line(tmp_path, lines, words):
    path = tmp_path / "speed.jsonl"
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines),
        encoding="utf-8",
    )
    with pytest.raises(RecordError) as caught:
        load_speed([path])
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_repetitions_are_one_row_of_medians(tmp_path):
    paths = [
        write(
            tmp_path / f"{hour}.jsonl",
            {**MACHINE, "started": f"2031-02-03T0{hour}:00:00+00:00"},
            speed(step_ms=spread(milliseconds), first_step_seconds=seconds),
            *([CNN] if hour == 1 else []),
        )
        for hour, milliseconds, seconds in ((1, 2.0, 3.0), (2, 8.0, 4.0), (3, 3.0, 9.0))
    ]
    mlp, cnn = load_speed(paths).networks().values()
    [record] = mlp
    assert record["step_ms"] == {"median": 3.0, "min": 1.0, "max": 16.0}
    assert (record["first_step_seconds"], record["repetitions"]) == (4.0, 3)
    assert (cnn[0]["ratio"], cnn[0]["repetitions"]) == (None, 1)
    section = speed_section(load_speed(paths))
    assert "3 rounds of 150 steps, 3 times" in section.tables[0].title
    assert "times" not in section.tables[1].title
    with pytest.raises(RecordError, match="this measurement was given twice"):
        load_speed([*paths, paths[0]])


def test_the_door(files, tmp_path):
    record_run(tmp_path, [0.9], placement="none", epochs=1)
    flags = [f"--speed={path}" for path in files]
    shown = report_process(str(tmp_path), *flags, "--format=markdown")
    assert shown.returncode == 0
    assert "Speed beside other libraries" in shown.stdout
    bad = write(tmp_path / "bad", MACHINE, {})
    damaged = report_process(str(tmp_path), f"--speed={bad}", "--format=markdown")
    assert (damaged.returncode, damaged.stdout, len(damaged.stderr.splitlines())) == (1, "", 1)
    nowhere = report_process(str(tmp_path), f"--speed={tmp_path / 'nowhere'}")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "--out or --format" in nowhere.stderr
