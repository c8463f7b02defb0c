"""Lines for people beside progress bars."""

import io
import sys

import pytest

from bnjax.process.bar import over_anothers_bar, say


@pytest.mark.parametrize(("terminal", "told"), [(True, "\rhere      \n"), (False, "here\n")])
def test_a_line_takes_the_place_of_a_bar_of_another_process(terminal, told, monkeypatch):
    """On a terminal; what reads a pipe gets the line alone."""
    stream = io.StringIO()
    stream.isatty = lambda: terminal
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "10")
    with over_anothers_bar():
        say("here")
    assert stream.getvalue() == told
