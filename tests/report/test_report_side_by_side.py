"""Conditions of any experiment side by side, from records made here with known answers."""

import math
from statistics import fmean, stdev

import pytest
from test_report import record_run as record_cifar10
from test_report_mnist import record_run
from test_report_photographs import record_run as record_photographs
from test_report_vgg7 import record_run as record_vgg7

from bnjax.report.page.build import read_folder, report_of
from bnjax.report.page.document import Table, TableCell
from bnjax.report.page.plain import as_markdown
from bnjax.report.page.short import short_form
from bnjax.report.runs.comparisons import comparisons_of
from bnjax.report.runs.recorded import load_runs
from bnjax.report.sections.side_by_side import UnknownConditionError, counted, side_by_side_sections
from bnjax.settings.canonical import resolve
from bnjax.settings.config import Config
from bnjax.stats import ANY_TIME, seeds_needed
from bnjax.studies import STUDIES
from bnjax.studies.typed import typed_placement


def sections_of(folder, epoch=None, against=""):
    return side_by_side_sections(counted(comparisons_of(load_runs(folder), epoch), against), {})


def cells(table):
    """Condition -> column -> text."""
    return {
        row[0].text: dict(zip(table.columns[1:], [cell.text for cell in row[1:]], strict=True))
        for row in table.rows
    }


@pytest.mark.parametrize(
    ("study", "model", "typed"),
    [
        ("cifar10", "cnn", "none"),
        ("cifar10", "cnn", "conv,dense"),
        ("cifar10", "cnn", "dense"),
        ("cifar10", "cnn", "conv:before,dense:before"),
        ("cifar10", "cnn", "conv:before,dense"),
        ("cifar10", "cnn", "crB-cr-dBr"),
        ("cifar10", "cnn", "block1"),
        ("mnist", "mlp", "dense"),
        ("mnist", "mlp", "dense:after"),
        ("mobilenet", "mobilenetv2", "all:before"),
        ("mobilenet", "mobilenetv2", "all:after"),
        ("vgg7", "vgg7", "block2/conv1"),
        ("vgg7", "vgg7", "block1"),
        ("vgg7", "vgg7", "crcBr-crcBr-drdBr"),
        ("", "cnn", "conv"),
    ],
)
def test_placements_are_named_as_they_are_typed(study, model, typed):
    order = STUDIES[study].published.order if study else Config.order
    config = resolve(Config(study=study, model=model, placement=typed, order=order))
    assert typed_placement(config) == typed


def test_other_norms_are_a_setting_and_mixed_ones_stand_in_the_code(tmp_path):
    told = dict(epochs=1, placement="conv,dense")
    record_cifar10(tmp_path, [0.5], **told)
    record_cifar10(tmp_path, [0.5], norm="layer", **told)
    record_cifar10(tmp_path, [0.5], epochs=1, placement="conv:layer,dense")
    [section] = sections_of(tmp_path)
    assert list(cells(section.tables[0])) == ["conv,dense", "conv,dense, norm layer", "crL-crL-drB"]


@pytest.mark.parametrize("model", ["cnn", "vgg7"])
def test_every_name_of_a_placement_means_that_placement(model):
    import itertools

    from bnjax.placement import all_placements

    sites = Config(model=model).sites
    for placement in itertools.islice(all_placements(sites, ("before", "after")), 0, None, 7):
        config = resolve(Config(model=model, placement=str(placement)))
        typed = typed_placement(config)
        assert resolve(Config(model=model, placement=typed)).placement == str(placement)


def test_levels_and_paired_differences_are_known(tmp_path):
    """Differences of 10, 20 and 30 points: mean 20, deviation 10, t of 2 degrees 4.302653."""
    for seed, (plain, with_norms) in enumerate([(0.5, 0.6), (0.4, 0.6), (0.3, 0.6)]):
        record_cifar10(tmp_path, [0.1, plain], placement="none", seed=seed, epochs=2, dataset="folder:mine")
        told = dict(seed=seed, epochs=2, dataset="folder:mine")
        record_cifar10(tmp_path, [0.7, with_norms], placement="conv,dense", **told)
    [section] = sections_of(tmp_path)
    levels, differences = map(cells, section.tables)
    assert list(levels) == ["none", "conv,dense"]
    half = 4.302653 * 10 / math.sqrt(3)
    assert levels["none"]["test accuracy, %"] == f"40.00 [{40 - half:.2f}, {40 + half:.2f}]"
    assert levels["conv,dense"]["test accuracy, %"] == "60.00 [60.00, 60.00]"
    assert levels["conv,dense"]["best test accuracy, %"] == "70.00 [70.00, 70.00]"
    assert levels["none"]["silent, units"] == "21.0"  # 7 at each of three sites
    assert [row["n"] for row in levels.values()] == ["3", "3"]
    difference = differences["conv,dense"]["test accuracy, points"]
    assert difference == f"+20.00 [{20 - half:+.2f}, {20 + half:+.2f}]"
    assert list(differences) == ["conv,dense"]
    [turned] = [cells(section.tables[1]) for section in sections_of(tmp_path, against="conv,dense")]
    assert turned["none"]["test accuracy, points"].startswith("-20.00 [")


def test_fresh_readings_have_columns_where_records_have_them(tmp_path, monkeypatch):
    record_cifar10(tmp_path, [0.5], epochs=1)
    runs = load_runs(tmp_path)
    [section] = side_by_side_sections(counted(comparisons_of(runs)), {})
    assert not any("fresh" in column for column in section.tables[0].columns)
    runs[0].epochs[-1].update(test_accuracy_fresh=0.75, test_loss_fresh=0.5)
    [section] = side_by_side_sections(counted(comparisons_of(runs)), {})
    [row] = cells(section.tables[0]).values()
    assert (row["test accuracy (fresh), %"], row["test loss (fresh), nats"]) == ("75.00", "0.5000")


def test_fresh_differences_take_a_network_without_statistics_as_it_is(tmp_path):
    """Running statistics make the norms look worse by 10 points, and the weights are better by 10."""
    for seed in (0, 1):
        record_run(tmp_path, [0.8], placement="none", epochs=1, seed=seed)
        record_run(tmp_path, [0.7], placement="dense", epochs=1, seed=seed)
    runs = load_runs(tmp_path)
    for run in runs:
        fresh = None if run.config.placement == "dr" else 0.9
        run.epochs[-1].update(test_accuracy_fresh=fresh, test_loss_fresh=fresh)
    [section] = side_by_side_sections(counted(comparisons_of(runs)), {})
    levels, differences = map(cells, section.tables)
    assert levels["none"]["test accuracy (fresh), %"] == "-"
    assert differences["dense"]["test accuracy, points"] == "-10.00 [-10.00, -10.00]"
    assert differences["dense"]["test accuracy (fresh), points"] == "+10.00 [+10.00, +10.00]"
    assert section.finding == (
        "Test accuracy: “none” is above “dense” by 10.00 points [10.00, 10.00], n = 2; "
        "through fresh statistics +10.00 points [+10.00, +10.00]."
    )
    for run in runs:
        if run.config.placement == "dr":
            del run.epochs[-1]["test_accuracy_fresh"]  # recorded before there were any
    [section] = side_by_side_sections(counted(comparisons_of(runs)), {})
    assert cells(section.tables[1])["dense"]["test accuracy (fresh), points"] == "-"


def test_a_sentence_says_what_differs_beyond_chance(tmp_path):
    for seed, noise in enumerate([0.0, 0.001, -0.001]):
        record_run(tmp_path, [0.8 + noise], placement="none", epochs=1, seed=seed)
        record_run(tmp_path, [0.9 + 2 * noise], placement="dense", epochs=1, seed=seed)
    [section] = sections_of(tmp_path)
    assert section.finding.startswith("Test accuracy: “dense” is above “none” by 10.00 points [9.75, 10.25]")
    for seed, noise in enumerate([0.0, 0.3, -0.3]):
        record_run(tmp_path, [0.6 + noise], placement="dense:after", epochs=1, seed=seed)
    [section] = sections_of(tmp_path)
    assert section.finding == (
        "Test accuracy: highest with “dense”, 90.00% on average; 1 of 2 others differs from “none” "
        "beyond chance (p after Holm below 0.05): “dense” +10.00 points [+9.75, +10.25]."
    )
    [section] = sections_of(tmp_path, against="dense:after")
    assert "none of 2 others differs from “dense:after” beyond chance (p after Holm below 0.05)." in (
        section.finding
    )


def test_what_seeds_would_tell_is_said_and_alone_nothing(tmp_path):
    for seed, difference in enumerate([0.03, -0.02, 0.02]):
        record_run(tmp_path, [0.8], placement="none", epochs=1, seed=seed)
        record_run(tmp_path, [0.8 + difference], placement="dense", epochs=1, seed=seed)
    [section] = sections_of(tmp_path)
    seeds = seeds_needed(stdev([3, -2, 2]), 1.0)
    assert (
        f"are not told apart, +1.00 points [-5.57, 7.57], n = 3; about {seeds} seeds would" in section.finding
    )
    [section] = sections_of(tmp_path, epoch=1, against="dense")
    assert "“none” and “dense” are not told apart, -1.00 points" in section.finding
    record_cifar10(tmp_path / "alone", [0.5], epochs=1)
    [section] = sections_of(tmp_path / "alone")
    assert section.finding == ""


def test_seeds_that_were_added_after_a_look_have_the_interval_for_it(tmp_path):
    for seed, difference in enumerate([0.01, 0.02, 0.015, 0.012, 0.014, 0.02]):
        for placement, accuracy in (("none", 0.8), ("dense", 0.8 + difference)):
            told = dict(placement=placement, epochs=1, seed=seed, until="decided")
            record_run(tmp_path, [accuracy], **told)
    [section] = sections_of(tmp_path)
    half = ANY_TIME.half_width(6, 0.95) * stdev([1, 2, 1.5, 1.2, 1.4, 2])
    mean = fmean([1, 2, 1.5, 1.2, 1.4, 2])
    shown = cells(section.tables[1])["dense"]["test accuracy, points"]
    assert shown == f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"
    assert all(ANY_TIME.name in table.note and "Student" not in table.note for table in section.tables)
    assert f"[{mean - half:.2f}, {mean + half:.2f}], n = 6" in section.finding


def test_behind_the_last_look_a_sentence_counts_the_seeds_that_its_interval_counts(tmp_path):
    """Seven seeds where one looks at five: what five showed stays, and the two others wait for ten."""
    noises = [0.0, 0.001, -0.001, 0.002, -0.002, 0.3, 0.3]
    for seed, noise in enumerate(noises):
        for placement, accuracy in (("none", 0.5), ("dense", 0.6), ("dense:after", 0.5)):
            told = dict(placement=placement, epochs=1, seed=seed, until="looks")
            record_run(tmp_path, [accuracy + (placement != "none") * noise], **told)
    [section] = sections_of(tmp_path)
    assert section.finding.startswith(
        "Test accuracy: highest with “dense”, 60.00% on average; 1 of 2 others differs from “none” "
        "beyond chance (p after Holm below 0.05): “dense” +10.00 points ["
    )


def test_settings_that_differ_name_conditions_and_those_that_do_not_stand_once(tmp_path):
    for dropout in (0.0, 0.4):
        for size in (16, 128):
            told = dict(placement="conv", dropout=dropout, batch_size=size, epochs=1, learning_rate=0.5)
            record_cifar10(tmp_path, [0.5], **told)
    [section] = sections_of(tmp_path)
    usual = STUDIES["cifar10"].published.batch_size
    assert list(cells(section.tables[0])) == [
        *(
            ["conv", "conv, batch size 16"]
            if usual == 128
            else ["conv, batch size 16", "conv, batch size 128"]
        ),
        *(["conv, dropout 0.4"] if usual == 128 else []),
        *(["conv, dropout 0.4, batch size 16"]),
        *([] if usual == 128 else ["conv, dropout 0.4, batch size 128"]),
    ]
    assert "All share: learning rate 0.5." in section.paragraphs[0]
    assert f"Where a condition says nothing else: dropout 0.0, batch size {usual}." in section.paragraphs[0]
    assert "Norms stand after the activation" in section.paragraphs[0]


def test_runs_that_cannot_be_compared_have_tables_of_their_own(tmp_path):
    record_cifar10(tmp_path, [0.5], epochs=1)
    record_cifar10(tmp_path, [0.5, 0.5], epochs=2)
    record_cifar10(tmp_path, [0.5], "controlled", epochs=1)
    record_run(tmp_path, [0.5], epochs=1)
    record_vgg7(tmp_path, [1.0])
    record_photographs(tmp_path, "mobilenet", [1.0], epochs=1)
    record_photographs(tmp_path, "finetune", [1.0], epochs=1, weights="a.h5")
    sections = sections_of(tmp_path)
    assert len({section.name for section in sections}) == 7
    assert sorted(section.title for section in sections)[:3] == [
        "cnn on cifar10, 1 epoch",
        "cnn on cifar10, 1 epoch, recipe controlled",
        "cnn on cifar10, 2 epochs",
    ]
    for section in sections:
        assert [len(table.rows) for table in section.tables] == [1]
        assert section.paragraphs[-1] == "One condition alone: nothing to compare it with."


def test_what_is_left_out_is_said_with_its_seeds(tmp_path):
    for seed in (1, 2):
        record_run(tmp_path, [0.9, 0.9], placement="none", epochs=2, seed=seed)
        record_run(tmp_path, [0.9], placement="dense", status="diverged", epochs=2, seed=seed)
    record_run(tmp_path, [0.9, 0.9], placement="dense:after", epochs=2, seed=7)
    [section] = sections_of(tmp_path)
    assert section.paragraphs[1:] == [
        "Left out, since they did not come to epoch 2: dense: diverged (seeds 1, 2).",
        "No seed in common with none, so no difference from it: dense:after.",
    ]
    [table] = section.tables
    row = cells(table)["dense"]
    assert (row["n"], row["test accuracy, %"], row["left out"]) == ("0", "-", "2 diverged")


def test_the_reference_is_one_that_was_run_to_its_end(tmp_path):
    record_run(tmp_path, [0.9], placement="none", status="interrupted", epochs=2)
    for placement in ("dense", "dense:after"):
        record_run(tmp_path, [0.9, 0.9], placement=placement, epochs=2)
    [section] = sections_of(tmp_path)
    assert section.tables[1].title == "Minus dense"


def test_a_schedule_that_ends_with_the_last_epoch_is_another_condition(tmp_path):
    for epochs in (2, 3):
        record_photographs(tmp_path, "mobilenet", [1.0] * epochs, epochs=epochs, schedule="cosine")
        record_photographs(tmp_path, "mobilenet", [1.0] * epochs, epochs=epochs, seed=epochs)
    [section] = sections_of(tmp_path, epoch=2)
    assert {name: row["n"] for name, row in cells(section.tables[0]).items()} == {
        "all:before": "2",
        "all:before, schedule cosine": "1",
        "all:before, schedule cosine, 2 of 3 epochs": "1",
    }
    [longer] = sections_of(tmp_path, epoch=3)
    assert "all:before: shorter (seed 2)" in longer.paragraphs[1]


def test_an_unknown_condition_to_be_held_against_is_named_with_those_there_are(tmp_path):
    record_run(tmp_path, [0.9], placement="none", epochs=1)
    record_run(tmp_path, [0.9], placement="dense", epochs=1)
    with pytest.raises(UnknownConditionError, match=r"--against=conv is no condition .*: none; dense$"):
        read_folder(tmp_path, against="conv")


def test_the_short_form_is_the_pages_own_content(tmp_path):
    for placement in ("none", "dense"):
        for seed in (0, 1):
            record_run(tmp_path, [0.9] * 5, placement=placement, epochs=5, seed=seed)
    whole = report_of(read_folder(tmp_path), pictures=False)
    short = short_form(whole)
    names = [section.name for section in short.sections]
    assert names == ["answers", "runs-mlp-on-mnist-5-epochs", "claims", "more"]
    assert [section for section in whole.sections if section.brief] == short.sections[:2]
    text = as_markdown(short)
    assert "**Does Batch Normalization keep ReLUs from dying, and what does it cost?** (mnist)\n" in text
    assert "are not told apart, +0.00 points (n = 2, no interval). Cannot tell: it was claimed that" in text
    assert "| dense | 2 | 90.00 [90.00, 90.00] |" in text
    assert "| cifar10-" not in text  # claims that these runs say nothing of
    assert "--out=report.html" in text


def test_without_answers_the_runs_themselves_come_first(tmp_path):
    record_photographs(tmp_path, "mobilenet", [1.0, 0.5], epochs=2, model="cnn", placement="conv", study="")
    whole = report_of(read_folder(tmp_path), pictures=False)
    assert whole.sections[0].name.startswith("runs-cnn-on-folder-photos")


def test_runs_on_other_data_than_any_claim_speaks_of_come_before_the_texts(tmp_path):
    for placement in ("none", "dense"):
        record_run(tmp_path, [0.9] * 5, placement=placement, epochs=5, dataset="digits")
    whole = report_of(read_folder(tmp_path), pictures=False)
    assert [section.name for section in whole.sections[:2]] == ["runs-mlp-on-digits-5-epochs", "answers"]
    [answer] = whole.sections[1].answers
    assert answer.findings[0].claim.endswith("The text speaks of other data, so this is not counted.")


def test_columns_without_any_value_are_hidden():
    table = Table(
        "t",
        ("a", "b", "c"),
        [[TableCell("x"), TableCell("-"), TableCell("1")], [TableCell("y"), TableCell("-"), TableCell("-")]],
    )
    shown = table.without_empty_columns()
    assert shown.columns == ["a", "c"]
    assert [[cell.text for cell in row] for row in shown.rows] == [["x", "1"], ["y", "-"]]
    assert Table("t", ("a", "b"), []).without_empty_columns().columns == ["a", "b"]
