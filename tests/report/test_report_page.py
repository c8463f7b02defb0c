"""The page, its other formats and the DataFrame, from records made here."""

import io
import json
import math
from html.parser import HTMLParser

import numpy as np
import pandas
import pytest
from test_report import report_process
from test_report_mnist import record_run
from test_report_vgg7 import record_run as record_vgg7

import bnjax.report
from bnjax import records
from bnjax.report.page.build import folder_report
from bnjax.report.page.document import Report, Section, Table, TableCell, numbered
from bnjax.report.page.html_page import as_html
from bnjax.report.page.plain import as_csv, as_markdown
from bnjax.report.runs.frame import LeftOut, Mislabelled
from bnjax.report.runs.recorded import load_runs, load_sound_runs
from bnjax.report.sections.provenance import command_text
from bnjax.studies import CLAIMS
from bnjax.studies.vgg7 import PICK, PLAIN, VGG7


class Page(HTMLParser):
    """What a page holds: every tag with its attributes, and the text of each table's cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.rows, self.text = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data
        self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """MNIST with and without BN, VGG7 in all placements, and files that cannot be read."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1, 2):
        record_run(folder, [0.97 + seed / 1000] * 6, placement="dense", seed=seed, epochs=6)
        told = dict(placement="none", seed=seed, epochs=6)
        record_run(folder, [0.98 + seed / 1000] * 6, flat=seed + 3, **told)
    record_run(folder, [0.9], placement="none", seed=7, status="diverged", epochs=6)
    for number, code in enumerate(VGG7.sweeps["grid"]):
        for seed in (0, 1):
            record_vgg7(folder, [2.0, 1.0 + number / 100 + seed / 10], code, seed=seed)
    (folder / "damaged").mkdir()
    (folder / "damaged" / records.FILE_NAME).write_text('{"kind": "run"}\n{"a": 1}\n{"b"\n{"torn')
    (folder / "empty").mkdir()
    (folder / "empty" / records.FILE_NAME).write_text("")
    return folder


@pytest.fixture(scope="module")
def report(folder):
    return folder_report(folder)


@pytest.fixture(scope="module")
def page(report):
    return Page(as_html(report))


def test_the_page_needs_nothing_else(page):
    for tag, attributes in page.tags:
        for name in ("src", "href"):
            allowed = (
                ("data:", "#", "https://") if tag == "a" else ("data:", "#")
            )  # nothing is loaded by a link
            assert attributes.get(name, "data:").startswith(allowed)
    assert page.all("script") == [{}]
    [policy] = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policy.startswith("default-src 'none'")
    assert "@import" not in "".join(page.text)
    assert "url(" not in "".join(page.text)


def test_the_page_can_be_heard_as_well_as_seen(page):
    [html] = page.all("html")
    assert html == {"lang": "en"}
    assert len(page.all("h1")) == 1
    assert all(picture["alt"] for picture in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table")) > 5
    assert {head["scope"] for head in page.all("th")} == {"row", "col"}
    names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(names) == len(set(names))
    for attributes in (a for _, a in page.tags):
        assert attributes.get("aria-labelledby", names[0]) in names
        assert attributes.get("href", "#")[1:] in (*names, "", "ata:,") or "https://" in attributes["href"]
    assert all(region["tabindex"] == "0" for region in page.all("div") if region["class"] == "scroll")


def test_the_page_tells_verdicts_and_where_they_come_from(page):
    rows: dict[str, list[str]] = {}
    for row in page.rows:  # the claims' own table comes before that of their contrasts
        if row[0].startswith(("mnist-", "vgg7-")) and row[0] in {claim.name for claim in CLAIMS}:
            rows.setdefault(row[0], row)
    row = rows["mnist-bn-less-accurate"]
    assert row[1:3] == ["With BN the test accuracy is lower than without.", "? cannot tell"]
    assert row[3].startswith("-1.00 points (n = 3, no interval), asked: lower than 0; mnist (png), 6 epochs;")
    assert row[3].endswith("; 6 of the published 100 epochs; it takes 25")
    assert "○ not run" in row
    grounds = [cells for cells in page.rows if cells[0] == "mnist-bn-less-accurate" and cells is not row]
    assert "MNIST; at least 25 of 100 epochs, 5 seeds" in grounds[0]
    answered = [row[2] != "○ not run" for row in rows.values()]
    assert answered == sorted(answered, reverse=True)  # what there is to know comes first
    assert len(rows) == sum(claim.source in ("mnist", "vgg7") for claim in CLAIMS)
    text = "".join(page.text)
    assert "135 runs were read: 1 diverged, 6 done, 128 unfinished." in text
    assert "damaged/metrics.jsonl, line 1" in text
    assert "(2 more such lines)" in text
    assert "empty/metrics.jsonl: empty" in text
    commands = [row[-1] for row in page.rows if row[-1].startswith("bnjax ")]
    assert f"bnjax vgg7 --placement={PICK} --dataset=digits --epochs=2 --seed=1" in commands


def test_the_page_shows_the_grid(page, report):
    [ranked, sites, pairs] = next(s.tables for s in report.sections if s.name == "vgg7-digits-published-2")
    assert ranked.rows[0][0].text == f"{PLAIN} (no norms)"
    assert len(ranked.rows) == 64
    effects = {row[0].text: row[1] for row in sites.rows}
    # Codes are numbered like binary numbers, so that the last site adds 0.01 and the first 0.32.
    assert effects["fc/dense2"].order == pytest.approx(0.01)
    assert effects["block1/conv1"].text == "+0.3200 [+0.3200, +0.3200], n = 2"
    assert len(pairs.rows) == 15
    assert {round(row[1].order, 9) for row in pairs.rows} == {0}
    assert [figure["id"] for figure in page.all("figure")] == [
        *(f"runs-mlp-on-mnist-6-epochs-{name}" for name in ("dots", "curves", "silent")),
        *(f"runs-vgg7-on-digits-2-epochs-{name}" for name in ("dots", "curves")),
        "mnist-bn-or-not",
        *(f"vgg7-digits-published-2-{name}" for name in ("block1", "block2", "fc", "pick", "grid")),
    ]


def test_equal_names_are_told_apart():
    assert numbered(["a", "b", "a", "a-2", "a"]) == ["a", "b", "a-2", "a-2-2", "a-3"]


def test_what_a_record_says_is_never_html():
    evil = '<script>alert("x")</script>'
    table = Table(evil, (evil,), [[TableCell(evil)]], evil)
    text = as_html(Report(evil, [evil], [Section("s", evil, [evil], [table])]))
    assert len(Page(text).all("script")) == 1
    assert "alert(&quot;" in text


def test_markdown_and_csv_hold_the_same_tables(report):
    tables = [table for section in report.sections for table in section.tables]
    for text, table in zip(as_csv(report).values(), tables, strict=True):
        frame = pandas.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
        assert len(frame) == len(table.rows)
        for place, name in enumerate(table.columns):
            cells = [cells[place] for cells in table.rows]
            if any(cell.estimate for cell in cells):
                means = pandas.to_numeric(frame[name]).fillna(math.inf)
                assert means.tolist() == pytest.approx([cell.order for cell in cells], abs=0.006)
            else:
                missing = {"": "-"} if any(cell.order == math.inf for cell in cells) else {}
                assert [missing.get(value, value) for value in frame[name]] == [cell.text for cell in cells]
    markdown = as_markdown(report)
    for table in tables:
        assert f"### {table.title}\n" in markdown
    widths = {line.replace("\\|", "").count("|") - 1 for line in markdown.splitlines() if line[:2] == "| "}
    assert widths == {len(table.without_empty_columns().columns) for table in tables}


def test_the_door_writes_the_page(tmp_path):
    record_run(tmp_path, [0.9, 0.9], placement="none", epochs=2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / records.FILE_NAME).write_text("")
    done = report_process(str(tmp_path), f"--out={tmp_path / 'report.html'}")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"report.py: {tmp_path / 'report.html'}" in done.stderr
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    printed = report_process(str(tmp_path), "1", "--format=markdown")
    assert printed.returncode == 0
    assert "mnist (png), 1 epoch" in printed.stdout
    assert "empty/metrics.jsonl: empty" in printed.stderr


def test_the_door_without_any_sound_run_ends_with_1(folder, tmp_path):
    done = report_process(str(folder / "damaged"), "--format=markdown")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no runs in" in done.stderr
    assert "line 1" in done.stderr


def test_commands_repeat_the_run(tmp_path):
    record_run(tmp_path, [0.9], placement="none", seed=4, epochs=1, optimizer="sgd", learning_rate=0.1)
    [run] = load_runs(tmp_path)
    expected = "--placement=dr --epochs=1 --optimizer=sgd --learning_rate=0.1 --seed=4"
    assert command_text(run) == f"bnjax mnist {expected}"


def test_the_frame_has_a_row_for_each_epoch(folder):
    with pytest.warns(LeftOut) as told:
        frame = bnjax.report.load(folder)
    assert len(told) == 2  # a damaged file, an empty one
    assert len(frame) == 6 * 6 + 1 + 64 * 2 * 2
    one = frame[(frame.model == "mlp") & (frame.placement == "dr") & (frame.seed == 1)]
    assert one.test_accuracy.tolist() == [0.981] * 6
    assert one.epoch.tolist() == [1, 2, 3, 4, 5, 6]
    assert set(one.flat) == {4}
    assert set(one["silent:fc/dense1"]) == {5}
    assert set(one.run_status) == {"done"}
    assert frame.test_loss.dtype == np.float64
    means = frame[frame.model == "vgg7"].groupby("placement").test_loss.min()
    assert means[PLAIN] == 1.0
    with pytest.raises(NotADirectoryError, match="nowhere"):
        bnjax.report.load(folder / "nowhere")


def test_foreign_and_older_records_are_told_and_the_rest_is_used(folder, tmp_path):
    line = (next(folder.glob("*")) / records.FILE_NAME).read_text().splitlines()[0]
    bad = {
        "schema": json.dumps(json.loads(line) | {"schema": 0}),
        "config": json.dumps(json.loads(line) | {"config": {"model": "cnn"}}),
        "binary": "\x00\x01",
        "list": "[" * 100_000,
        "nan": '{"kind": "epoch", "epoch": NaN}',
    }
    for name, text in bad.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / records.FILE_NAME).write_text(text + "\n")
    record_run(tmp_path, [0.9], placement="none")
    runs, problems = load_sound_runs(tmp_path)
    assert len(runs) == 1
    assert len(problems) == len(bad)
    assert any("schema 0 is not 1" in problem for problem in problems)
    assert any("config lacks dataset, epochs" in problem for problem in problems)


def test_a_run_that_is_controlled_by_name_alone_is_named_and_counts_in_no_table(tmp_path):
    record_vgg7(tmp_path, [1.0, 0.5], seed=1, recipe="controlled")
    record_vgg7(tmp_path, [1.0, 0.4], seed=2, recipe_name="controlled")
    report = folder_report(tmp_path, pictures=False)
    [line] = report.problems
    assert "is named controlled but has input_scale unit;" in line
    assert "input_scale unit" not in " ".join(section.title for section in report.sections)
    with pytest.warns(Mislabelled, match="input_scale unit"):
        frame = bnjax.report.load(tmp_path)
    assert len(frame) == 4
    printed = report_process(str(tmp_path))
    assert line in printed.stderr
    assert "## vgg7 on digits, 2 epochs, recipe controlled" in printed.stdout
    assert "input_scale unit" not in printed.stdout
