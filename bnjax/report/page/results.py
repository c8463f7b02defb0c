"""The results that the documents show, from records kept in the repository."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Any

from bnjax import records
from bnjax.report.page.document import PageFigure, Report, Section, Table, TableCell
from bnjax.report.page.plain import markdown_table
from bnjax.report.runs.kept import SUFFIX, read_kept, write_kept
from bnjax.report.runs.recorded import run_files
from bnjax.report.sections.claims import MARK
from bnjax.schema import DataRecord, Record
from bnjax.settings.config import Config, names_with
from bnjax.settings.fields import Role
from bnjax.studies import studies_of

#: The page of results shows the first three of these that the records give, one of each.
_PICTURES = (
    "vgg7-*-grid",
    "mobilenet-order-folder-flowers",
    "mnist-bn-or-not",
    "finetune-separate-*",
    "mnist-leaky",
    "mnist-batch-sizes",
)
_ROOM = 3
#: The file of runs that belong to no study.
_NO_STUDY = "others"
Tell = Callable[[str], None]
_COLUMNS = {
    "text": "text",
    "what was said": "what was said",
    "published value": "published",
    "ours, published": "ours",
    "verdict, published": "verdict",
    "p among all, published": "p among all",
}


def keep(source: Path, target: Path, tell: Tell = lambda line: None) -> list[str]:
    """Adds the runs that ended to their studies' files, without the names of this machine's folders.

    Args:
      source: a folder of runs.
      target: where each study has a compressed file; what is in it already stays.
      tell: called with a line for people about each thing that cannot be used.

    Returns:
      The ids of the runs that were added.

    Raises:
      OSError: a file cannot be read or written.
    """
    files, problems = run_files(source)
    for problem in problems:
        tell(problem)
    found: dict[str, dict[str, bytes]] = {}
    for file in files:
        if records.ended(file.records):
            lines = (records.json_line(_without_folders(record)) for record in file.records)
            of_study = found.setdefault(file.run.study or _NO_STUDY, {})
            of_study[file.run.run_id] = "".join(lines).encode()
    added = []
    for study, runs in sorted(found.items()):
        path = target / f"{study}{SUFFIX}"
        there = dict(read_kept(path)) if path.exists() else {}
        if new := runs.keys() - there.keys():
            target.mkdir(parents=True, exist_ok=True)
            write_kept(path, {**runs, **there})
            added += sorted(new)
    return added


def _without_folders(record: Record) -> Mapping[str, Any]:
    if record["kind"] != "run":
        return record
    usual = {name: getattr(Config, name) for name in names_with(Role.PLACE)}
    data: DataRecord = {**record["data"]}
    if PurePath(data.get("source", "")).is_absolute():
        data["source"] = PurePath(data["source"]).name
    return {**record, "config": {**record["config"], **usual}, "data": data}


def results_pictures(report: Report) -> Sequence[PageFigure]:
    """Those of the report that stand beside the results."""
    drawn = [picture for section in report.sections for picture in section.pictures]
    pictures = (next((one for one in drawn if fnmatch(one.name, name)), None) for name in _PICTURES)
    return list(filter(None, pictures))[:_ROOM]


def results_text(report: Report) -> str:
    """The claims that runs of the published recipe answer, how many there are, and what numbers rest on.

    Those of papers have a part of their own, with what is not as published; none where none was run.
    """
    parts = _verdicts(_section(report, "claims"))
    for papers in (section for section in report.sections if section.name == "papers"):
        parts += [f"## {papers.title}", *_verdicts(papers), papers.paragraphs[2]]
        parts += [papers.paragraphs[3], markdown_table(papers.tables[2])]
    return "\n\n".join([*parts, report.rests_on])


def _verdicts(section: Section) -> list[str]:
    counts, by_chance, *_ = section.paragraphs
    return [markdown_table(_answered(*section.tables[:2])), counts, by_chance]


def told_of_chance(report: Report) -> str:
    """How many verdicts on the texts would be there if nothing were true, and how many there are."""
    return _section(report, "claims").paragraphs[1].replace(f", marked {MARK}", "")


def verdicts_by_study(report: Report) -> dict[str, str]:
    """How many claims of each text have which verdict by the published recipe, the most frequent first."""
    verdicts: dict[str, Counter[str]] = {name: Counter() for name in studies_of("text")}
    for study, verdict in _published(_section(report, "claims").tables[0]):
        verdicts[study][verdict] += 1
    return {name: _frequencies(counted) for name, counted in verdicts.items()}


def verdicts_on_papers(report: Report) -> str:
    """How many claims of papers have which verdict; papers of which nothing was run are not counted."""
    tables = [section.tables[0] for section in report.sections if section.name == "papers"]
    found = [found for table in tables for found in _published(table)]
    papers, verdicts = len({paper for paper, _ in found}), Counter(verdict for _, verdict in found)
    return f"of {papers} papers {len(found)} claims, {_frequencies(verdicts)}" if found else "none so far"


def _published(table: Table) -> list[tuple[str, str]]:
    """Each claim's study and its verdict by the published recipe."""
    study, verdict = table.columns.index("text"), table.columns.index("verdict, published")
    return [(cells[study].text, cells[verdict].text) for cells in table.rows]


def _frequencies(verdicts: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in verdicts.most_common())


def _section(report: Report, name: str) -> Section:
    return next(section for section in report.sections if section.name == name)


def _answered(verdicts: Table, grounds: Table) -> Table:
    """The columns of both tables, whose rows are in one order, where runs of the published recipe answer."""
    columns = [*verdicts.columns, *grounds.columns]
    places = [columns.index(name) for name in _COLUMNS]
    verdict = columns.index("verdict, published")

    def chosen(cells: Sequence[TableCell]) -> list[TableCell]:
        return [cells[place] for place in places]

    both = [[*row, *more] for row, more in zip(verdicts.rows, grounds.rows, strict=True)]
    rows = [chosen(cells) for cells in both if cells[verdict].text != "not run"]
    return Table(verdicts.title, tuple(_COLUMNS.values()), rows)
