"""Intervals that hold whenever one looks, how many seeds a question takes, and many questions at once."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnjax.stats import (
    ANY_TIME,
    FOUR_LOOKS,
    MOST_SEEDS,
    STUDENT,
    benjamini_hochberg,
    estimate,
    estimate_percent,
    holm,
    seeds_for_share,
    seeds_needed,
    share_bound,
)

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


@pytest.mark.parametrize(("n", "half"), [(5, 3.78), (10, 1.22), (20, 0.77)])
def test_half_widths_are_those_of_the_formula(n, half):
    """In deviations with divisor n - 1, computed apart; up to 4 values there is no interval."""
    assert ANY_TIME.half_width(n, 0.95) == pytest.approx(half, abs=0.01)
    assert estimate([1.0, 2.0, 3.0, 5.0], interval=ANY_TIME) == (2.75, None, None, 4)


def test_by_hand():
    """1 to 5: s = sqrt(2), a = 0.05, c = 1, so g = (0.0025 / 6)^(1/5) = 0.2108 and the half width is 5.98."""
    g = (0.0025 / 6) ** 0.2
    half = math.sqrt(2) * math.sqrt((1 - g) * 6 / (g * 6 - 1))
    found = estimate([1.0, 2.0, 3.0, 4.0, 5.0], interval=ANY_TIME)
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half))
    assert half == pytest.approx(5.977, abs=0.01)


@pytest.mark.parametrize("interval", [STUDENT, ANY_TIME], ids=lambda interval: interval.name)
def test_p_and_interval_tell_the_same(interval):
    random = np.random.default_rng(2)
    for _ in range(50):
        values = random.normal(0.7, 1.0, 12).tolist()
        p = interval.p(values, 0.3)
        found = estimate(values, 1 - min(p, 0.999), interval)
        nearest = found.low if found.mean > 0.3 else found.high
        assert p > 0.999 or nearest == pytest.approx(0.3, abs=1e-6)
    assert interval.p([0.5], 0.0) == 1.0
    assert interval.p([0.5] * 9, 0.5) == 1.0


def _false_verdicts(interval, looks, repetitions=400):
    """The share of null experiments that any look calls different from 0."""
    values = np.random.default_rng(4).normal(size=(repetitions, looks[-1]))
    found = np.zeros(repetitions, bool)
    for n in looks:
        half = interval.half_width(n, 0.95) * values[:, :n].std(axis=1, ddof=1)
        found |= abs(values[:, :n].mean(axis=1)) > half
    return found.mean()


def test_looking_after_every_seed_misleads_one_interval_and_not_the_other():
    looks = range(3, 31)
    assert _false_verdicts(STUDENT, looks) > 0.2
    assert _false_verdicts(ANY_TIME, looks) < 0.05
    assert _false_verdicts(STUDENT, [30]) < 0.08


def test_four_looks_mislead_as_rarely_as_one_and_decide_nothing_between():
    assert _false_verdicts(FOUR_LOOKS, range(3, 31)) < 0.075  # 0.045 in 4,000 repetitions
    assert _false_verdicts(STUDENT, FOUR_LOOKS.looks) > 0.1
    for n in (5, 10, 20, 30):
        t = scipy.stats.t.ppf(1 - 0.0155 / 2, n - 1)
        assert FOUR_LOOKS.half_width(n, 0.95) == pytest.approx(t / math.sqrt(n))
    assert {FOUR_LOOKS.half_width(n, 0.95) for n in (2, 4, 6, 29, 31)} == {math.inf}
    values = np.random.default_rng(5).normal(0.7, 1.0, 10).tolist()
    assert FOUR_LOOKS.p(values, 0.3) == pytest.approx(
        scipy.stats.ttest_1samp(values, 0.3).pvalue * 0.05 / 0.0155
    )
    assert FOUR_LOOKS.p(values[:9], 0.3) == 1.0


def test_what_came_after_the_last_look_does_not_count():
    values = [1.0, 2.0, 3.0, 2.0, 1.0, 100.0, 100.0]
    found = estimate(values, interval=FOUR_LOOKS)
    assert (found.mean, found.n) == (1.8, 5)
    assert estimate(values[:4], interval=FOUR_LOOKS) == (2.0, None, None, 4)
    assert estimate_percent(values, interval=FOUR_LOOKS).n == 5
    assert seeds_needed(1.0, 1.0, interval=FOUR_LOOKS) == 10
    assert seeds_needed(1.0, 0.4, interval=FOUR_LOOKS) is None


def test_a_bound_on_the_share_of_runs_that_differ():
    assert share_bound(5) == pytest.approx(0.451, abs=0.001)
    assert share_bound(59) <= 0.05 < share_bound(58)
    assert seeds_for_share(0.05) == 59
    assert seeds_for_share(share_bound(7)) == 7
    with pytest.raises(ValueError, match="0 runs"):
        share_bound(0)
    with pytest.raises(ValueError, match="share of 1"):
        seeds_for_share(1)


@settings(deadline=None, max_examples=30)
@given(st.floats(0.01, 5), st.floats(0.05, 5), st.sampled_from([STUDENT, ANY_TIME]))
@example(5.0, 0.0625, ANY_TIME)
def test_seeds_needed_is_the_fewest(deviation, distance, interval):
    needed = seeds_needed(deviation, distance, interval=interval)
    if needed is None:
        assert interval.half_width(MOST_SEEDS, 0.95) * deviation >= distance
        return
    assert interval.half_width(needed, 0.95) * deviation < distance
    assert interval.half_width(needed - 1, 0.95) * deviation >= distance


def test_what_seeds_do_not_decide():
    assert seeds_needed(1.0, 0.0) is None
    assert seeds_needed(1.0, 1e-9) is None
    assert MOST_SEEDS > 1000
    with pytest.raises(ValueError, match="negative"):
        seeds_needed(-1.0, 1.0)


def test_benjamini_and_hochberg_by_hand():
    """0.01 x 4, 0.02 x 4/2, 0.03 x 4/3, 0.5: none above one that comes after it."""
    assert benjamini_hochberg([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.04, 0.04, 0.5, 0.04])
    assert benjamini_hochberg([]) == []


@settings(deadline=None, max_examples=30)
@given(P_VALUES)
def test_benjamini_and_hochberg_lie_between_no_correction_and_holm(p):
    pairs = zip(p, benjamini_hochberg(p), holm(p), strict=True)
    assert all(a - 1e-12 <= corrected <= most + 1e-12 for a, corrected, most in pairs)
