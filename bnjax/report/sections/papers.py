"""Claims of papers and their verdicts: counted apart from those of the texts, and shown where runs are."""

from collections.abc import Sequence
from dataclasses import replace

from bnjax.report.page.document import Section, Table, TableCell, number, text
from bnjax.report.runs.recorded import RecordedRun
from bnjax.report.sections.answers import answers_of, counts_of
from bnjax.report.sections.claims import claim_of, verdicts_section
from bnjax.report.sections.provenance import provenance
from bnjax.report.verdicts.chance import Judged
from bnjax.studies import STUDIES, studies_of

_SMALL = (
    "The best known claims of papers, each held against the smallest experiment that can show it: networks "
    "and data are smaller than published, as the table of papers says of each. Verdicts are made as those of "
    "the texts are; these claims are counted by themselves, and so is chance."
)


def of_kind(judged: Sequence[Judged], kind: str) -> list[Judged]:
    """The claims of texts or of papers, see :class:`bnjax.studies.Study`."""
    return [by_recipe for by_recipe in judged if STUDIES[claim_of(by_recipe).source].kind == kind]


def papers_that_ran(judged: Sequence[Judged]) -> list[Judged]:
    """The claims of the papers that any run answers a claim of: others have nothing to show."""
    papers = of_kind(judged, "paper")
    ran = {claim_of(by_recipe).source for by_recipe in papers if _is_answered(by_recipe)}
    return [by_recipe for by_recipe in papers if claim_of(by_recipe).source in ran]


def _is_answered(by_recipe: Judged) -> bool:
    return any(one.verdict != "not run" for judgements in by_recipe.values() for one in judgements)


def papers_section(judged: Sequence[Judged], runs: Sequence[RecordedRun]) -> list[Section]:
    """The section of papers; none where no run answers a claim of any.

    Args:
      judged: what :func:`papers_that_ran` gave.
      runs: of any studies.
    """
    if not judged:
        return []
    theirs = [run for run in runs if run.study in {claim_of(by_recipe).source for by_recipe in judged}]
    words = [f"They rest on {provenance(theirs)}.", _SMALL]
    title = "What papers claim, and whether it shows in small"
    section = verdicts_section("papers", title, judged, words, _papers(judged))
    return [replace(section, answers=answers_of(judged), counts=counts_of(judged))]


def _papers(judged: Sequence[Judged]) -> Table:
    """The papers, and what of their experiments is not as published."""
    claimed = [claim_of(by_recipe).source for by_recipe in judged]
    columns = (
        "paper",
        "title",
        "authors",
        "where and when",
        "what it ran",
        "the same here",
        "not the same",
    )
    rows = [
        [
            text(name),
            TableCell(paper.title, link=paper.link),
            *map(text, (paper.author, paper.appeared, paper.ran, paper.same, paper.differs)),
            number(claimed.count(name)),
        ]
        for name, paper in studies_of("paper").items()
        if name in claimed
    ]
    return Table("The papers", (*columns, "claims"), rows)
