"""The simulation of intervals: when a rule decides, and the table."""

import numpy as np
from intervals import RULES, Rule, decided, main

from bnjax.stats import STUDENT


def test_the_first_look_whose_interval_leaves_out_0_counts():
    """1, 2 and 3 have t = 3.46 against a quantile of 4.30; with a fourth value of 2, 4.90 against 3.18."""
    values = np.array([[1.0, 2.0, 3.0, 2.0], [-1.0, 1.0, -2.0, 2.0], [5.0, 5.1, 4.9, 5.0]])
    assert decided(values, Rule("made", (3, 4), STUDENT)).tolist() == [4, 0, 3]
    assert decided(values, Rule("made", (3,), STUDENT)).tolist() == [0, 0, 3]


def test_the_table_has_a_row_for_each_rule(capsys):
    assert main(["intervals.py", "--repetitions=50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == [rule.name for rule in RULES]
    shares = {line.split("|")[1].strip(): float(line.split("|")[2].strip(" %")) for line in lines[2:]}
    assert shares["any time, each of 3 to 30"] < 10 < shares["t, a look after each of 3 to 30"]
