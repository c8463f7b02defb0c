"""How verdicts and the numbers of contrasts are written, in all tables."""

from bnjax.report.page.document import TableCell, interval_text
from bnjax.report.runs.readings import READINGS
from bnjax.report.verdicts.decision import Verdict
from bnjax.report.verdicts.judgement import Judgement
from bnjax.stats import STUDENT, Estimate, possible
from bnjax.studies.claim import Contrast

#: In the order in which a table sorts them.
_SORTED: tuple[Verdict, ...] = ("contradicted", "supported", "open", "cannot tell", "not run")


def verdict_cell(verdict: Verdict) -> TableCell:
    """A verdict with its sign."""
    return TableCell(verdict, _SORTED.index(verdict), f"verdict {verdict}")


def number_form(contrast: Contrast) -> str:
    """How its numbers are written: differences bear their sign."""
    return READINGS[contrast.reading].form(difference=len(contrast.weights) > 1)


def cut_to_possible(contrast: Contrast, ours: Estimate) -> Estimate:
    """An estimate cut to what a condition's own level may be, or what lies between two."""
    if len(contrast.weights) > 2:
        return ours
    return possible(ours, READINGS[contrast.reading].unit, difference=len(contrast.weights) > 1)


def higher_of_two(label: str, names: tuple[str, str], difference: Estimate, form: str, unit: str) -> str:
    """Which of two conditions is higher and by how much, or that they are not told apart.

    Args:
      label: of what was read of them.
      names: of both.
      difference: the first minus the second, paired by seed, with its interval.
      form: how numbers without a sign are written.
      unit: theirs.
    """
    low, high = difference.low, difference.high
    if low is None or high is None or not difference.tells_apart:
        mean = f"{difference.mean:+{form}} {unit} {interval_text(difference, form)}"
        return f"{label}: \u201c{names[0]}\u201d and \u201c{names[1]}\u201d are not told apart, {mean}"
    upper, lower = names
    if difference.mean < 0:
        upper, lower = lower, upper
        difference = Estimate(-difference.mean, -high, -low, difference.n)
    mean = f"{difference.mean:{form}} {unit} {interval_text(difference, form)}"
    return f"{label}: \u201c{upper}\u201d is above \u201c{lower}\u201d by {mean}"


def any_time_mark(judgement: Judgement) -> str:
    """What stands behind n where the interval allows for looks at results."""
    return "" if judgement.interval is STUDENT else "*"


def left_out(judgement: Judgement) -> str:
    """Why runs do not count, and how many."""
    return ", ".join(f"{count} {why}" for why, count in sorted(judgement.left_out.items()))


def expected_text(contrast: Contrast) -> str:
    """``lower than 0``, ``alike: 0 within 0.2``."""
    against = f"{contrast.against:g}"
    return {
        "lower": f"lower than {against}",
        "higher": f"higher than {against}",
        "alike": f"alike: {against} within {contrast.margin:g}",
        "not lower": f"not lower than {contrast.against - contrast.margin:g}",
        "not higher": f"not higher than {contrast.against + contrast.margin:g}",
    }[contrast.expected]
