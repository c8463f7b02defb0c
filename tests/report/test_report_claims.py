"""Claims as data, and their verdicts on records made here."""

import dataclasses

import pytest
from test_report_mnist import record_run

from bnjax.commands.parsing.conditions import sweep_conditions
from bnjax.report.runs.readings import READINGS
from bnjax.report.runs.recorded import load_runs
from bnjax.report.sections.claims import overall_verdict
from bnjax.report.sections.contrasts import contrasts_section
from bnjax.report.verdicts.cell import Cell, outcomes
from bnjax.report.verdicts.shelf import Shelf, judge_all
from bnjax.settings.canonical import resolve
from bnjax.studies import CLAIMS, STUDIES, recipe
from bnjax.studies.cifar10 import TWELVE
from bnjax.studies.cifar10_logs import LOGGED_ACCURACY, LOGGED_LATE_AND_BEST
from bnjax.studies.claim import Claim, Data, level, minus

BY_NAME = {claim.name: claim for claim in CLAIMS}
RUN = [claim for claim in CLAIMS if claim.contrasts]
BN = {"with BN": {"placement": "dense"}, "without BN": {"placement": "none"}}


def test_claims_are_whole():
    assert len(BY_NAME) == len(CLAIMS)
    assert {claim.source for claim in CLAIMS} == set(STUDIES)
    for claim in CLAIMS:
        assert bool(claim.contrasts) != bool(claim.unmeasured), claim.name
        for contrast in claim.contrasts:
            assert contrast.reading in READINGS, claim.name
            assert contrast.weights.keys() <= claim.conditions.keys(), claim.name
            assert bool(contrast.margin) == (contrast.expected not in ("lower", "higher")), claim.name
            if len(contrast.weights) > 1:
                assert sum(contrast.weights.values()) == pytest.approx(0), claim.name


@pytest.mark.parametrize("claim", RUN, ids=lambda claim: claim.name)
def test_the_command_makes_every_condition(claim):
    """What would run a claim makes, under each recipe, the very configs that its contrasts look for."""
    base = recipe(claim.tested_by, "published")
    made = {
        resolve(dataclasses.replace(base, **settings))
        for settings in sweep_conditions(claim.tested_by, claim.sweep, claim.vary).values()
    }
    for condition in {name for contrast in claim.contrasts for name in contrast.weights}:
        assert resolve(dataclasses.replace(base, **claim.conditions[condition])) in made
    command = claim.command("controlled", seeds=3)
    assert command.startswith(f"bnjax {claim.tested_by} --")
    assert command.endswith(f"--recipe=controlled --epochs={claim.epochs} --seeds=3")


def test_published_sizes_lie_where_they_were_said_to_be_unless_the_logs_say_otherwise():
    """The author's own logs do not bear out every sentence; which ones is known."""
    odd = {
        (claim.name, contrast.name)
        for claim in CLAIMS
        for contrast in claim.contrasts
        if contrast.size and not _agrees(contrast, contrast.size)
    }
    assert odd == {("cifar10-both-are-best", "conv,dense, dropout 0.0 minus conv, dropout 0.0")}


def _agrees(contrast, size):
    low, high = contrast.against - contrast.margin, contrast.against + contrast.margin
    return {
        "lower": size[1] < low,
        "higher": size[0] > high,
        "alike": low <= size[0] and size[1] <= high,
        "not lower": size[0] >= low,
        "not higher": size[1] <= high,
    }[contrast.expected]


def test_logged_values_cover_the_twelve_conditions():
    assert LOGGED_LATE_AND_BEST.keys() == LOGGED_ACCURACY.keys()
    assert len(TWELVE) == len(LOGGED_LATE_AND_BEST)
    assert all(late < best for late, best in LOGGED_LATE_AND_BEST.values())


def made_claim(*contrasts, **more):
    return Claim("made", "mnist", "here", "made up", BN, contrasts, "bn-or-not", **{"least_seeds": 2, **more})


def accurate(folder, placement, last, seed, epochs=5, **settings):
    record_run(folder, [last] * epochs, placement=placement, seed=seed, epochs=epochs, **settings)


LOWER = minus("with BN", "without BN", "late_accuracy", "lower", size=(-1.5, -1.0))


def test_other_classes_are_other_data(tmp_path):
    for seed in range(3):
        for classes in ("", "1,7", "3,8"):
            accurate(tmp_path, "dense", 0.970 + seed / 1000, seed, classes=classes)
            accurate(tmp_path, "none", 0.980 + seed / 1000, seed, classes=classes)
    judged = Shelf(load_runs(tmp_path)).judge(made_claim(LOWER), "published")
    assert {one.setting for one in judged} == {
        f"mnist ({chosen}png), 5 epochs" for chosen in ("", "classes 1,7, ", "classes 3,8, ")
    }
    assert [len(one.runs) for one in judged] == [6, 6, 6]


def test_a_claim_on_records(tmp_path):
    for seed, (with_bn, without) in enumerate([(0.970, 0.980), (0.974, 0.983), (0.975, 0.984)]):
        accurate(tmp_path, "dense", with_bn, seed)
        accurate(tmp_path, "none", without, seed)
    accurate(tmp_path, "dense", 0.1, seed=7)  # has no partner
    accurate(tmp_path, "dense", 0.1, seed=8, batch_size=10)  # another condition
    [judged] = judge_all([made_claim(LOWER)], load_runs(tmp_path))
    [published], [controlled] = judged["published"], judged["controlled"]
    [found] = published.found
    assert (published.verdict, controlled.verdict) == ("supported", "not run")
    assert found.estimate.mean == pytest.approx((-1.0 - 0.9 - 0.9) / 3)
    assert found.estimate.n == 3
    assert found.resampled[1:] == (None, None, 3)
    assert found.size_met
    assert published.setting == "mnist (png), 5 epochs"
    assert len(published.runs) == 7
    assert sorted(run.config.seed for run in found.runs) == [0, 0, 1, 1, 2, 2]
    [row] = contrasts_section([judged]).tables[1].rows
    assert "6 runs" in row[-1].text
    assert "seeds 0, 1, 2;" in row[-1].text


def test_recipes_lengths_and_data_are_kept_apart(tmp_path):
    for seed in (0, 1):
        for placement, value in (("dense", 0.90), ("none", 0.95)):
            value += seed / 1000 * (placement == "dense")
            accurate(tmp_path, placement, value, seed)
            accurate(tmp_path, placement, 1 - value, seed, epochs=6)
        controlled = dict(recipe="controlled", input_scale="standardize")
        accurate(tmp_path, "dense", 0.99 + seed / 1000, seed, **controlled)
        accurate(tmp_path, "none", 0.95, seed, **controlled)
    shelf = Shelf(load_runs(tmp_path))
    longer, shorter = shelf.judge(made_claim(LOWER), "published")
    assert (longer.setting, longer.verdict) == ("mnist (png), 6 epochs", "contradicted")
    assert (shorter.setting, shorter.verdict) == ("mnist (png), 5 epochs", "supported")
    [controlled] = shelf.judge(made_claim(LOWER), "controlled")
    assert controlled.verdict == "contradicted"
    digits = made_claim(LOWER, data=Data("digits", ("digits",)))
    longer, shorter = shelf.judge(digits, "published")
    assert (longer.on_its_data, longer.verdict) == (False, "contradicted")
    assert overall_verdict([longer, shorter]) == ("not run", "")


def test_runs_that_do_not_count_are_counted(tmp_path):
    accurate(tmp_path, "dense", 0.9, 0)
    record_run(tmp_path, [0.9] * 3, placement="dense", seed=1, epochs=5, status="interrupted")
    record_run(tmp_path, [0.9] * 3, placement="none", seed=1, epochs=5, status="diverged")
    accurate(tmp_path, "dense", 0.5, 0, dataset="mnist:3.0.1")  # the same images by another name
    [judged] = Shelf(load_runs(tmp_path)).judge(made_claim(LOWER), "published")
    assert (judged.verdict, judged.why) == ("open", "1 seed not finished")
    assert judged.left_out == {"interrupted": 1, "diverged": 1, "repeated": 1}
    cut = Shelf(load_runs(tmp_path), epoch=3).judge(made_claim(LOWER), "published")
    assert (cut[0].found[0].estimate.n, cut[0].verdict) == (1, "open")


def test_held_out_images_are_told_apart_by_the_data_alone(tmp_path):
    """A folder with validation images of its own is run without holding any out."""
    accurate(tmp_path, "dense", 0.90, 0, validation=0.1)
    accurate(tmp_path, "none", 0.95, 0)
    [judged] = Shelf(load_runs(tmp_path)).judge(made_claim(LOWER), "published")
    assert judged.found[0].estimate.mean == pytest.approx(-5)


def test_weights_make_differences_of_differences(tmp_path):
    for size, placement, value in (
        (10, "dense", 0.80),
        (100, "dense", 0.90),
        (10, "none", 0.93),
        (100, "none", 0.95),
    ):
        accurate(tmp_path, placement, value, 0, batch_size=size, epochs=100)
    claim = BY_NAME["mnist-batch-size-10-why"]
    [judged] = Shelf(load_runs(tmp_path)).judge(claim, "published")
    assert judged.found[0].estimate.mean == pytest.approx(-10 + 2)


def test_what_records_lack_is_no_value(tmp_path):
    accurate(tmp_path, "dense", 0.9, 0)
    [run] = load_runs(tmp_path)
    asked = level("with BN", "lowest_validation_loss", "lower", 1.0)  # null where none are held out
    cell = Cell({}, 5, {"with BN": {0: run}})
    assert outcomes(asked, cell)[:2] == ({}, {})
    assert "do not hold it" in outcomes(asked, cell).lacking
    flat = level("with BN", "most_flat", "alike", margin=1)
    assert outcomes(flat, cell) == ({0: 0}, {}, "")


def test_without_records_nothing_was_run():
    judged = judge_all(CLAIMS, [])
    assert len(judged) == len(CLAIMS)
    for claim, by_recipe in zip(CLAIMS, judged, strict=True):
        for name, judgements in by_recipe.items():
            assert [one.verdict for one in judgements] == ["not run"]
            asked = claim.tested_by in STUDIES and claim.contrasts
            assert bool(claim.command(name)) == bool(asked)
