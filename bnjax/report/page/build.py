"""The report of a folder of runs, put together from its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnjax.report.figures.drawing import Drawing, as_svg
from bnjax.report.figures.pictures import drawings, movies, seed_drawings, side_by_side_drawings
from bnjax.report.page.document import PageFigure, Report, Section
from bnjax.report.runs.comparisons import comparisons_of
from bnjax.report.runs.recorded import (
    NoRunsError,
    RecordedRun,
    load_sound_runs,
    of_study,
    without_mislabelled,
)
from bnjax.report.sections.answers import answers_section, any_counts
from bnjax.report.sections.claims import claims_section
from bnjax.report.sections.contrasts import commands_section, contrasts_section
from bnjax.report.sections.grid import grid_sections
from bnjax.report.sections.papers import of_kind, papers_section, papers_that_ran
from bnjax.report.sections.provenance import provenance, runs_section
from bnjax.report.sections.side_by_side import Counted, counted, side_by_side_sections
from bnjax.report.sections.vgg7 import vgg7_groups
from bnjax.report.verdicts.shelf import judge_all
from bnjax.studies import CLAIMS, studies_of
from bnjax.studies.vgg7 import VGG7

_TITLE = "Where should Batch Normalization go?"


@dataclass(frozen=True)
class Folder:
    """What a report is made of.

    Attributes:
      path: where the runs lie.
      epoch: the last that counts; None: all.
      runs: all that can be used.
      compared: those of them side by side, the newest first.
      problems: a line for each thing that is left out.
    """

    path: Path
    epoch: int | None
    runs: Sequence[RecordedRun]
    compared: Sequence[Counted]
    problems: Sequence[str]


def read_folder(directory: Path, epoch: int | None = None, against: str = "") -> Folder:
    """Every run below a folder that can be read, of any experiment.

    Args:
      directory: where they lie.
      epoch: the last that counts; None: all.
      against: the condition that others are held against; empty: the first of each comparison.

    Raises:
      NoRunsError: there is no run at all, or none that is so long.
      UnknownConditionError: no comparison has the condition.
    """
    runs, problems = runs_to_report(directory, epoch)
    return Folder(directory, epoch, runs, counted(comparisons_of(runs, epoch), against), problems)


def runs_to_report(directory: Path, epoch: int | None = None) -> tuple[list[RecordedRun], list[str]]:
    """Every run below a folder that can be read, and a line for each thing that cannot.

    Raises:
      NoRunsError: there is no run at all, or none that is so long.
    """
    runs, problems = load_sound_runs(directory)
    if not runs:
        raise NoRunsError("; ".join([f"no runs in {directory}", *problems]))
    longest = max(len(run.epochs) for run in runs)
    if epoch and epoch > longest:
        raise NoRunsError(f"no run in {directory} has {epoch} epochs; the longest has {longest}")
    kept, mislabelled = without_mislabelled(runs)
    return kept, [*problems, *mislabelled]


def folder_report(
    directory: Path, epoch: int | None = None, pictures: bool = True, more: Sequence[Section] = ()
) -> Report:
    """The report of a folder, see :func:`read_folder` and :func:`report_of`."""
    return report_of(read_folder(directory, epoch), pictures, more)


def report_of(folder: Folder, pictures: bool = True, more: Sequence[Section] = ()) -> Report:
    """Everything that the records of a folder say.

    Args:
      folder: its runs.
      pictures: whether to draw, which takes seconds.
      more: sections of other sources, which come before the list of runs.
    """
    runs, epoch = folder.runs, folder.epoch
    judged = judge_all(CLAIMS, runs, epoch)
    texts, papers = of_kind(judged, "text"), papers_that_ran(judged)
    of_texts, of_papers = _side_by_side(folder, pictures)
    groups = vgg7_groups(of_study(runs, VGG7.name), epoch)
    drawn = [*map(as_svg, drawings(runs, epoch)), *movies(folder.path)] if pictures else []
    answers = answers_section(texts)
    texts_part = [
        *([*answers, *of_texts] if any_counts(texts) else [*of_texts, *answers]),
        claims_section(texts),
        *([_pictures_section(drawn)] if drawn else []),
    ]
    papers_part = [*papers_section(papers, runs), *of_papers]
    sections = [
        *([*texts_part, *papers_part] if of_texts else [*papers_part, *texts_part]),
        contrasts_section([*texts, *papers]),
        *grid_sections(groups),
        commands_section([*texts, *papers]),
        *more,
        runs_section(runs, folder.problems),
    ]
    until = [f"Runs are cut to their first {epoch} epochs."] if epoch else []
    return Report(_TITLE, until, sections, folder.problems, f"It rests on {provenance(runs)}.")


def all_drawings(folder: Folder) -> list[Drawing]:
    """Every figure of a folder, for files: conditions side by side, the studies' own, and seed by seed."""
    own = [drawing for drawings in side_by_side_drawings(folder.compared).values() for drawing in drawings]
    return [*own, *drawings(folder.runs, folder.epoch), *seed_drawings(folder.runs, folder.epoch)]


def _side_by_side(folder: Folder, pictures: bool) -> tuple[list[Section], list[Section]]:
    """The sections of comparisons: the user's own and those of texts, and those of papers."""
    found: tuple[list[Section], list[Section]] = [], []
    sections = side_by_side_sections(folder.compared, _own_pictures(folder) if pictures else {})
    for section, each in zip(sections, folder.compared, strict=True):
        found[each.comparison.study in studies_of("paper")].append(section)
    return found


def _own_pictures(folder: Folder) -> Mapping[str, Sequence[PageFigure]]:
    return {
        name: [*map(as_svg, drawings)] for name, drawings in side_by_side_drawings(folder.compared).items()
    }


def _pictures_section(pictures: Sequence[PageFigure]) -> Section:
    said = "Published recipe, but where a title names another. The tables below hold the numbers."
    return Section("pictures", "Pictures of the studies", [said], (), pictures)
