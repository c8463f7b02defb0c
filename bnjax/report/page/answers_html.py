"""Answers of studies as HTML: a card for each, with its forest plot, and how many verdicts there are."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from bnjax.report.page.document import AnswerCard, AnsweredClaim, Bar, TableCell

#: Told by a sign as well as by colour; verdicts without one of their own have the last.
_SIGNS = {"supported": "✓", "contradicted": "✗", "open": "≈", "cannot tell": "?"}
_OTHER_SIGN = "○"
#: Of the width of a forest plot, at each end.
_MARGIN = 0.04


def signed_verdict(name: str) -> str:
    """A verdict with its sign."""
    return f'<span aria-hidden="true">{_SIGNS.get(name, _OTHER_SIGN)}</span> {escape(name)}'


def verdict_class(name: str) -> str:
    """The style of a verdict."""
    return f"verdict {name.replace(' ', '-')}"


def linked(cell: TableCell) -> str:
    """A cell's text, as a link where it has an address on the web."""
    shown = escape(cell.text)
    if not cell.link.startswith("https://"):
        return shown
    return f'<a href="{escape(cell.link)}" rel="noreferrer">{shown}</a>'


def strip(counts: Mapping[str, int]) -> str:
    """How many claims have which verdict."""
    told = (
        f'<li class="{verdict_class(name)}">{n} {signed_verdict(name)}</li>' for name, n in counts.items()
    )
    return f'<ul class="strip" aria-label="Claims by verdict">{"".join(told)}</ul>\n' if counts else ""


def cards(answers: Sequence[AnswerCard]) -> Iterator[str]:
    """A card for each study."""
    if answers:
        yield '<div class="cards">\n'
        for answer in answers:
            yield from _card(answer)
        yield "</div>\n"


def _card(answer: AnswerCard) -> Iterator[str]:
    yield f'<article class="card"><h3>{escape(answer.question)}</h3>'
    for finding in answer.findings:
        yield f'<p class="finding">{escape(finding.told)}</p>'
        yield from _forest(finding)
        yield f'<p><span class="{verdict_class(finding.verdict)}">{signed_verdict(finding.verdict)}</span>: '
        yield f"{escape(finding.claim)}</p>"
    yield f'<p class="note">{escape(answer.study)}: {linked(answer.source)}</p></article>\n'


def _forest(finding: AnsweredClaim) -> Iterator[str]:
    """A row for each bar: its name and numbers in words, and where it lies beside 0."""
    if not finding.bars:
        return
    ends = [0.0, *(end for bar in finding.bars for end in _ends(bar))]
    low, high = min(ends), max(ends)
    width = (high - low) or 1.0

    def place(value: float) -> float:
        return 100 * (_MARGIN + (1 - 2 * _MARGIN) * (value - low) / width)

    yield '<ul class="forest">'
    for bar in finding.bars:
        start, end = (place(value) for value in _ends(bar))
        yield f'<li class="{verdict_class(bar.verdict)}"><span class="bar-name">{escape(bar.name)}</span>'
        yield f'<span class="bar-number">{_numbers(bar)}</span><span class="bar" aria-hidden="true">'
        yield f'<i class="zero" style="left:{place(0.0):.2f}%"></i>'
        yield f'<i class="interval" style="left:{start:.2f}%;width:{end - start:.2f}%"></i>'
        yield f'<i class="mean" style="left:{place(bar.mean):.2f}%"></i></span></li>'
    yield f'</ul><p class="note">{escape(finding.unit)}; the line is 0, bars are 95% intervals.</p>'


def _ends(bar: Bar) -> tuple[float, float]:
    return (bar.mean if bar.low is None else bar.low, bar.mean if bar.high is None else bar.high)


def _numbers(bar: Bar) -> str:
    interval = "" if bar.low is None else f" [{bar.low:.3g}, {bar.high:.3g}]"
    return f"{bar.mean:+.3g}{interval}"
