"""The VGG7 report from records made here, with known answers."""

import dataclasses
import math
import re

import pytest
from PIL import Image
from test_report import FACTS, METRICS, report_process, units_of

from bnjax import records
from bnjax.report.runs.recorded import load_runs
from bnjax.report.sections.grid import grid_sections
from bnjax.report.sections.vgg7 import early_loss, largest_jump, site_effects, vgg7_groups
from bnjax.settings.canonical import resolve
from bnjax.settings.identity import run_id
from bnjax.studies import recipe
from bnjax.studies.vgg7 import PICK, PLAIN, VGG7

#: Student's t at 97.5%, 1 and 2 degrees of freedom.
T1, T2 = 12.706205, 4.302653


def record_run(folder, losses, placement=PLAIN, recipe_name="published", data=None, **settings):
    """Writes a run of the VGG7 experiment whose epochs have these test losses; None: it diverged there."""
    settings = {"dataset": "digits", "epochs": len(losses)} | settings
    config = dataclasses.replace(recipe("vgg7", recipe_name), placement=placement, **settings)
    config = resolve(config)
    name = {"name": config.dataset, "version": "1", "encoding": "png"}
    facts = dict(
        config=dataclasses.asdict(config),
        data=name | (data or {}),
        **FACTS,
        git_commit="0123456789abcdef",
    )
    found = [records.make_record("run", run_id(config), **facts)]
    told = dict(METRICS, dying=units_of(config), seconds=1.0, images_per_second=1.0)
    for number, loss in enumerate(losses, start=1):
        accuracy = None if loss is None else math.exp(-loss)
        told |= dict(test_loss=loss, test_accuracy=accuracy, status="ok" if loss else "diverged")
        found.append(records.make_record("epoch", run_id(config), epoch=number, step=number, **told))
    path = folder / run_id(config) / records.FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_text("".join(map(records.json_line, found)), encoding="utf-8")


def group_of(folder, epoch=None):
    [group] = vgg7_groups(load_runs(folder), epoch)
    return group


def interval(mean, deviation, n, t):
    half = t * deviation / math.sqrt(n)
    return mean - half, mean + half


@pytest.fixture
def three_seeds(tmp_path):
    """Without norms, the pick, and one in between; the paired differences of the lowest losses are known."""
    for seed, (lowest, pick) in enumerate([(1.0, 0.9), (1.2, 1.0), (1.1, 0.8)]):
        record_run(tmp_path, [2.0, lowest, lowest + 0.5], seed=seed)
        record_run(tmp_path, [1.5, pick, pick + 0.1], PICK, seed=seed)
        record_run(tmp_path, [1.8, 1.05, 1.05], "crcr-crcr-drdBr", seed=seed)
    return tmp_path


def test_placements_are_ranked_by_their_lowest_test_loss(three_seeds):
    [section] = grid_sections([group_of(three_seeds)])
    [ranked] = section.tables
    rows = [[cell.text for cell in cells] for cells in ranked.rows]
    assert [cells[0] for cells in rows] == [
        f"{PICK} (published pick)",
        "crcr-crcr-drdBr",
        f"{PLAIN} (no norms)",
    ]
    assert [cells[1] for cells in rows] == ["1", "2", "3"]
    low, high = interval(0.9, 0.1, 3, T2)
    assert rows[0][4] == f"0.9000 [{low:.4f}, {high:.4f}], n = 3"
    assert rows[1][4] == "1.0500 [1.0500, 1.0500], n = 3"
    # -0.1, -0.2, -0.3: pairing by seed takes out what the seeds share.
    low, high = interval(-0.2, 0.1, 3, T2)
    place = ranked.columns.index("minus without norms")
    assert rows[0][place] == f"-0.2000 [{low:+.4f}, {high:+.4f}], n = 3"
    assert rows[2][place] == "-"


def test_readings_of_a_curve(tmp_path):
    record_run(tmp_path, [5.0, 3.0, 1.0, 2.5, 1.0, 1.5, 1.0, 1.0, 1.0, 1.0])
    [run] = load_runs(tmp_path)
    assert early_loss(run) == 4.0  # of ten epochs the first two
    assert largest_jump(run) == 1.5
    falling = dataclasses.replace(run, epochs=run.epochs[:3])
    assert (early_loss(falling), largest_jump(falling)) == (5.0, 0.0)


def test_runs_that_are_no_pairs_are_never_mixed(tmp_path):
    record_run(tmp_path, [1.0, 1.0])
    record_run(tmp_path, [2.0, 2.0], dataset="cifar10")
    record_run(tmp_path, [3.0, 3.0], recipe_name="controlled")
    record_run(tmp_path, [4.0, 4.0], batch_size=64)
    record_run(tmp_path, [5.0, 5.0, 5.0], seed=1)
    record_run(tmp_path, [6.0, 6.0], data={"encoding": "jpeg (lossy)"}, seed=2)
    groups = vgg7_groups(load_runs(tmp_path))
    titles = {group.title: [run.epochs[0]["test_loss"] for run in group.runs] for group in groups}
    assert titles == {
        "VGG7 on digits (png), recipe published, 2 epochs": [1.0],
        "VGG7 on cifar10 (png), recipe published, 2 epochs": [2.0],
        "VGG7 on digits (png), recipe controlled, 2 epochs": [3.0],
        "VGG7 on digits (png), recipe published, 2 epochs, batch_size 64": [4.0],
        "VGG7 on digits (png), recipe published, 3 epochs": [5.0],
        "VGG7 on digits (jpeg (lossy)), recipe published, 2 epochs": [6.0],
    }


def test_runs_of_different_length_are_compared_up_to_an_epoch(tmp_path):
    record_run(tmp_path, [3.0, 2.0, 1.0, 0.5])
    record_run(tmp_path, [3.0, 1.0], PICK)
    record_run(tmp_path, [0.1], PICK, seed=1)
    group = group_of(tmp_path, epoch=2)
    assert {code: [len(run.epochs) for run in runs.values()] for code, runs in group.found.items()} == {
        PLAIN: [2],
        PICK: [2],
    }
    assert group.difference(PICK, PLAIN, early_loss).mean == 0.0
    assert group_of(tmp_path, epoch=1).title.endswith(" 1 epoch")


def test_unfinished_and_diverged_runs_are_told_and_left_out(tmp_path):
    record_run(tmp_path, [1.0, 1.0, 1.0])
    record_run(tmp_path, [0.1, None], PICK, epochs=3)
    record_run(tmp_path, [0.1, 0.1], "all", epochs=3)
    group = group_of(tmp_path)
    assert (list(group.found), len(group.left_out)) == ([PLAIN], 2)
    [section] = grid_sections([group])
    assert section.paragraphs[0].endswith("; 2 left out, unfinished or diverged.")
    assert PICK in group_of(tmp_path, epoch=1).found
    record_run(tmp_path / "none", [None])
    assert grid_sections([group_of(tmp_path / "none")]) == []


#: What a norm at each site adds to the lowest loss of the made grid.
EFFECTS = (-0.3, 0.1, -0.05, 0.0, 0.2, -0.1)


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """All 64 placements with two seeds, whose losses are sums of the sites' effects."""
    folder = tmp_path_factory.mktemp("grid")
    for code in VGG7.sweeps["grid"]:
        norms = ["B" in unit for unit in re.findall("[cd]B?r", code)]
        for seed in (0, 1):
            effects = sum(e * (1 + seed) for e, norm in zip(EFFECTS, norms, strict=True) if norm)
            record_run(folder, [3.0, 2.0 + effects, 2.1 + effects + 0.3 * (not any(norms))], code, seed=seed)
    return folder


def test_the_effect_of_each_site_is_found(grid):
    effects = site_effects(group_of(grid))
    assert list(effects) == [
        "block1/conv1",
        "block1/conv2",
        "block2/conv1",
        "block2/conv2",
        "fc/dense1",
        "fc/dense2",
    ]
    assert [effect.mean for effect in effects.values()] == pytest.approx([1.5 * e for e in EFFECTS])
    assert {effect.n for effect in effects.values()} == {2}
    one = effects["block1/conv1"]  # -0.3 and -0.6
    assert (one.low, one.high) == pytest.approx(interval(-0.45, 0.3 / math.sqrt(2), 2, T1), rel=1e-5)


def test_a_seed_that_lacks_placements_says_nothing_of_sites(grid, tmp_path):
    runs = load_runs(grid)
    part = [run for run in runs if run.config.seed == 0 or run.config.placement != "crcr-crcr-drdr"]
    [group] = vgg7_groups(part)
    effects = site_effects(group)
    assert [effect.mean for effect in effects.values()] == pytest.approx(EFFECTS)
    assert {effect.n for effect in effects.values()} == {1}


def test_a_placement_with_another_seed_is_left_out_and_said(grid, tmp_path):
    """Every placement has seeds 0 and 1; one has seed 5 alone, so that no seed has all of them."""
    record_run(tmp_path, [3.0, 2.0, 2.0], "crcr-crcr-drdr", seed=5)
    runs = [run for run in load_runs(grid) if run.config.placement != "crcr-crcr-drdr"]
    [group] = vgg7_groups([*runs, *load_runs(tmp_path)])
    said = "Without crcr-crcr-drdr: not run with seeds 0, 1."
    assert [effect.mean for effect in site_effects(group).values()] == pytest.approx(
        [1.5 * e for e in EFFECTS]
    )
    [section] = grid_sections([group])
    assert [table.note.endswith(said) for table in section.tables] == [False, True, True]
    assert [len(table.rows) for table in section.tables] == [64, 6, 15]


def test_runs_of_a_schedule_that_ends_with_the_last_epoch_are_kept_apart(tmp_path):
    for epochs in (3, 4):
        record_run(tmp_path, [1.0] * epochs, epochs=epochs, schedule="cosine")
        record_run(tmp_path, [1.0] * epochs, epochs=epochs, seed=epochs)
    groups = {
        group.title.partition(", recipe published, ")[2]: group
        for group in vgg7_groups(load_runs(tmp_path), 2)
    }
    assert {title: len(group.runs) for title, group in groups.items()} == {
        "2 epochs": 2,
        "2 of 3 epochs, schedule cosine": 1,
        "2 of 4 epochs, schedule cosine": 1,
    }
    assert len({group.slug for group in groups.values()}) == 3


def test_the_door_prints_and_draws(grid, tmp_path):
    process = report_process(str(grid), f"--figures={tmp_path}")
    assert process.returncode == 0
    assert "## vgg7 on digits, 3 epochs\n" in process.stdout
    assert process.stdout.count(f"| {PICK} | 2 |") == 2  # itself, and minus none
    files = sorted(tmp_path.iterdir())
    names = ("block1", "block2", "fc", "grid", "pick")
    assert [file.name for file in files] == [
        *(f"runs-vgg7-on-digits-3-epochs-{name}.png" for name in ("curves", "dots")),
        *(f"vgg7-digits-published-3-{name}.png" for name in names),
    ]
    assert all(str(file) in process.stderr for file in files)
    for file in files:
        with Image.open(file) as picture:
            assert min(picture.size) > 500
            colours = picture.convert("RGB").getcolors(2**24)
        assert len(colours) > 20
