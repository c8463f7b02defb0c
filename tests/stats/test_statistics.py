"""Statistics of the report on made data with known answers, and beside scipy's."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from bnjax.architectures.vgg7 import VGG7_SITES
from bnjax.placement import Site
from bnjax.stats import (
    bootstrap_mean,
    estimate,
    grid_effects,
    holm,
    paired_p,
    possible,
    probability_better,
    ranks,
    standings,
)
from bnjax.stats.effects import shared_seeds

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def test_the_bootstrap_of_ten_values_is_known():
    """Of nine 0 and a 1, resamples have a mean of k/10 with binomial k: 0.35 of them 0, 0.987 at most 0.3."""
    found = bootstrap_mean([0.0] * 9 + [1.0])
    assert found == (pytest.approx(0.1), 0.0, pytest.approx(0.3), 10)


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_values_have_no_interval_by_resampling(n):
    values = [float(number) for number in range(n)]
    assert bootstrap_mean(values)[1:] == (None, None, n)
    assert probability_better(values, values)[1:] == (None, None, n)
    assert ranks({"a": dict(enumerate(values))})["a"] == (1, None, None, n)


def test_the_bootstrap_meets_the_normal_interval_where_there_are_many_values():
    values = list(np.random.default_rng(3).normal(5.0, 2.0, 400))
    found, half = bootstrap_mean(values), 1.96 * np.std(values) / math.sqrt(400)
    assert (found.low, found.high) == pytest.approx((found.mean - half, found.mean + half), abs=0.1 * half)
    assert bootstrap_mean(values) == found  # it repeats itself


def test_values_that_are_all_the_same_have_an_interval_of_no_width():
    assert bootstrap_mean([2.0] * 10) == (2.0, 2.0, 2.0, 10)
    assert probability_better([1.0] * 10, [0.0] * 11) == (1.0, 1.0, 1.0, 10)
    with pytest.raises(ValueError, match="no values"):
        bootstrap_mean([])
    with pytest.raises(ValueError, match="no values"):
        probability_better([1.0], [])


def test_the_probability_of_being_better_is_mann_and_whitneys():
    random = np.random.default_rng(1)
    ours, theirs = random.integers(0, 6, 13).tolist(), random.integers(0, 5, 11).tolist()  # with ties
    statistic = scipy.stats.mannwhitneyu(ours, theirs).statistic
    found = probability_better(ours, theirs)
    assert found.mean == pytest.approx(statistic / (13 * 11))
    assert found.n == 11
    assert 0 <= found.low < found.mean < found.high <= 1
    assert probability_better(ours, theirs, lower_is_better=True).mean == pytest.approx(1 - found.mean)


def test_of_two_normal_distributions_the_probability_is_known():
    """P(X > Y) for X ~ N(1, 1) and Y ~ N(0, 1) is Phi(1 / sqrt(2)) = 0.7602."""
    random = np.random.default_rng(0)
    found = probability_better(random.normal(1, 1, 300).tolist(), random.normal(0, 1, 300).tolist())
    assert found.low < 0.7602 < found.high
    assert found.high - found.low < 0.1


def test_the_paired_p_is_scipys():
    ours, theirs = [3.1, 2.9, 3.6, 3.3, 2.8], [3.0, 2.5, 3.1, 3.4, 2.2]
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    assert paired_p(differences) == pytest.approx(scipy.stats.ttest_rel(ours, theirs).pvalue)
    assert paired_p([0.5]) is None
    assert (paired_p([0.5, 0.5]), paired_p([0.0, 0.0])) == (0.0, 1.0)


def test_p_and_interval_tell_the_same():
    random = np.random.default_rng(5)
    for _ in range(50):
        values = random.normal(1.0, 1.5, 5).tolist()
        found = estimate(values)
        assert (paired_p(values) < 0.05) == (not found.low < 0 < found.high)


def test_holm_by_hand():
    """0.01 x 4, 0.02 x 3, then 0.03 x 2 and 0.04 x 1, neither below the one before."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None, max_examples=30)
@given(P_VALUES)
def test_holm_lies_between_no_correction_and_bonferroni(p):
    corrected = holm(p)
    assert all(a <= c <= min(1, len(p) * a) + 1e-12 for a, c in zip(p, corrected, strict=True))
    order = np.argsort(p, kind="stable")
    assert np.all(np.diff(np.asarray(corrected)[order]) >= 0)


def test_ranks_of_conditions_that_never_cross():
    values = {name: {s: place + 0.01 * s for s in range(10)} for place, name in enumerate("abc")}
    assert ranks(values) == {"a": (1, 1, 1, 10), "b": (2, 2, 2, 10), "c": (3, 3, 3, 10)}
    assert list(ranks(values, lower_is_better=False)) == ["c", "b", "a"]


def test_ranks_of_conditions_that_cross():
    """b loses half of the seeds by 1 and wins the others by 3: it is behind where 8 or more draws are bad."""
    values = {
        "a": {seed: 1.0 + 3.0 * (seed % 2) for seed in range(10)},
        "b": {seed: 2.0 - 1.0 * (seed % 2) for seed in range(10)},
        "c": dict.fromkeys(range(11), 9.0),
    }
    assert ranks(values) == {"b": (1, 1, 2, 10), "a": (2, 1, 2, 10), "c": (3, 3, 3, 10)}


def test_equal_means_share_their_ranks_and_one_seed_has_no_interval():
    values = {"a": {0: 0.3}, "b": {0: 0.1 + 0.2}, "c": {0: 1.0}}
    assert ranks(values) == {"a": (1.5, None, None, 1), "b": (1.5, None, None, 1), "c": (3, None, None, 1)}
    assert ranks({"a": {0: 1.0}, "b": {1: 1.0}}) == {}
    assert ranks({}) == {}


def test_standings_hold_everything_against_the_reference():
    values = {
        "none": {0: 1.0, 1: 1.2, 2: 1.1},
        "good": {0: 0.8, 1: 1.0, 2: 0.9},  # always 0.2 less
        "alike": {0: 1.1, 1: 1.1, 2: 1.1, 3: 5.0},
        "single": {2: 1.0},
        "not run": {},
    }
    found = standings(values, "none")
    assert list(found) == ["good", "single", "none", "alike"]
    assert found["good"].difference.mean == pytest.approx(-0.2)
    assert found["good"].better.mean == pytest.approx(8.5 / 9)
    assert found["single"].p is None
    assert found["single"].mean == (1.0, None, None, 1)
    assert found["none"].difference is None
    assert found["alike"].difference.n == 3
    assert found["alike"].corrected == pytest.approx(found["alike"].p)
    assert found["good"].corrected == pytest.approx(2 * found["good"].p)
    assert found["good"].rank.n == 1  # the only seed that all have


MAIN = np.array([-0.3, 0.1, -0.05, 0.0, 0.2, -0.1])


def made_grid(seeds=(0, 1, 2), interaction=0.4):
    """All 64 placements: (1 + seed) times the sum of sites' effects; one pair is more than its sum."""
    values = {}
    for number in range(64):
        norms = [(number >> (5 - place)) & 1 for place in range(6)]
        text = [f"{'c' if place < 4 else 'd'}{'B' * norm}r" for place, norm in enumerate(norms)]
        code = "-".join(["".join(text[0:2]), "".join(text[2:4]), "".join(text[4:6])])
        total = float(MAIN @ norms + interaction * norms[0] * norms[5])
        values[code] = {seed: 10.0 * seed + (1 + seed) * total for seed in seeds}
    return values


def test_main_effects_and_interactions_of_a_made_grid_are_found():
    found = grid_effects(made_grid(), VGG7_SITES)
    assert len(found) == 6 + 15
    main = MAIN + 0.4 / 2 * np.array([1, 0, 0, 0, 0, 1])  # half of all placements have the partner
    for site, expected in zip(VGG7_SITES, main, strict=True):
        assert found[(site.name,)].mean == pytest.approx(2 * expected)  # seeds weigh 1, 2, 3
        assert found[(site.name,)].n == 3
    one = found[("block1/conv2",)]  # 0.1, 0.2, 0.3: Student's t of 2 degrees is 4.302653
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert (one.low, one.high) == pytest.approx((0.2 - half, 0.2 + half), rel=1e-5)
    pairs = {factor: effect.mean for factor, effect in found.items() if len(factor) == 2}
    assert pairs.pop(("block1/conv1", "fc/dense2")) == pytest.approx(0.8)
    assert list(pairs.values()) == pytest.approx([0.0] * 14, abs=1e-12)


def test_effects_are_the_coefficients_of_least_squares():
    """Coded -1 and 1, a main effect is twice its coefficient, and an interaction four times."""
    random = np.random.default_rng(8)
    sites = VGG7_SITES[:3]
    codes = [f"c{'B' * a}rc{'B' * b}r-c{'B' * c}r" for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    values = {code: {0: float(random.normal())} for code in codes}
    x = np.array([[2 * a - 1, 2 * b - 1, 2 * c - 1] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    pairs = [(0, 1), (0, 2), (1, 2)]
    design = np.column_stack([np.ones(8), x, *(x[:, i] * x[:, j] for i, j in pairs)])
    coefficients = np.linalg.lstsq(design, [v[0] for v in values.values()], rcond=None)[0]
    found = list(grid_effects(values, sites).values())
    assert [effect.mean for effect in found[:3]] == pytest.approx(2 * coefficients[1:4])
    assert [effect.mean for effect in found[3:]] == pytest.approx(4 * coefficients[4:])
    assert {(effect.low, effect.n) for effect in found} == {(None, 1)}


def test_an_unfinished_grid_uses_what_it_can():
    values = made_grid(seeds=(0, 1), interaction=0.0)
    del values["cBrcBr-cBrcBr-dBrdBr"]
    del values["crcr-crcr-drdr"][1]  # seed 1 lacks what seed 0 has
    found = grid_effects(values, VGG7_SITES)
    assert [found[(site.name,)].mean for site in VGG7_SITES] == pytest.approx(MAIN.tolist())
    assert {effect.n for effect in found.values()} == {1}
    assert grid_effects({}, VGG7_SITES) == {}
    one = {"cBr": {0: 1.0}}
    assert grid_effects(one, (Site("block1/conv1", "conv"),)) == {}


def test_what_is_shown_of_a_level_is_possible():
    wide = estimate([94.0, 99.0])
    assert wide.high > 100
    assert possible(wide, "points") == wide._replace(high=100.0)
    assert possible(estimate([0.1, 0.2]), "nats").low == 0.0
    assert possible(estimate([0.0, 250.0]), "of 256")[1:3] == (0.0, 256.0)
    assert possible(estimate([1.0]), "%") == (1.0, None, None, 1)
    assert possible(estimate([-90.0, 80.0]), "points", difference=True)[1:3] == (-100.0, 100.0)
    assert possible(estimate([0.1, 0.2]), "nats", difference=True).low < 0


def test_a_placement_with_other_seeds_costs_itself_alone():
    values = made_grid(seeds=(0, 1), interaction=0.0)
    values["crcr-crcr-drdr"] = {7: 1.0}
    found = grid_effects(values, VGG7_SITES)
    assert [found[(site.name,)].mean for site in VGG7_SITES] == pytest.approx((1.5 * MAIN).tolist())
    assert {effect.n for effect in found.values()} == {2}
    assert shared_seeds(values) == ([0, 1], set(values) - {"crcr-crcr-drdr"})
    two = {"dr": {0: 1.0}, "dBr": {1: 2.0}}
    assert grid_effects(two, (Site("fc/dense1", "dense"),)) == {}


def test_other_orders_and_foreign_codes_are_passed_over():
    sites = (Site("fc/dense1", "dense"),)
    values = {"dr": {0: 1.0}, "dBr": {0: 3.0}, "drB": {0: 7.0}, "other": {0: 0.0}}
    assert grid_effects(values, sites)[("fc/dense1",)].mean == 2.0
    assert grid_effects(values, sites, "after")[("fc/dense1",)].mean == 6.0
