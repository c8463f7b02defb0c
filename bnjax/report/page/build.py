"""The report of a folder of runs, put together from its parts."""

from collections.abc import Sequence
from pathlib import Path

from bnjax.report.figures.drawing import as_svg
from bnjax.report.figures.pictures import drawings, movies
from bnjax.report.page.document import Picture, Report, Section
from bnjax.report.runs.recorded import (
    NoRunsError,
    RecordedRun,
    load_sound_runs,
    of_study,
    without_mislabelled,
)
from bnjax.report.sections.claims import claims_section
from bnjax.report.sections.conditions import conditions_section
from bnjax.report.sections.contrasts import commands_section, contrasts_section
from bnjax.report.sections.grid import grid_sections
from bnjax.report.sections.provenance import runs_section
from bnjax.report.sections.tables import provenance
from bnjax.report.sections.vgg7 import vgg7_groups
from bnjax.report.verdicts.shelf import judge_all
from bnjax.studies import CLAIMS

_TITLE = "Where should Batch Normalization go?"


def folder_report(
    directory: Path, epoch: int | None = None, pictures: bool = True, more: Sequence[Section] = ()
) -> Report:
    """Everything that the records below a folder say.

    Args:
      directory: with runs of any experiment; what cannot be read of it is told in the report.
      epoch: the last that counts; None: all.
      pictures: whether to draw, which takes seconds.
      more: sections of other sources, which come before the runs.

    Raises:
      NoRunsError: there is no run at all, or none that is so long.
    """
    runs, problems = runs_to_report(directory, epoch)
    judged = judge_all(CLAIMS, runs, epoch)
    groups = vgg7_groups(of_study(runs, "vgg7"), epoch)
    drawn = [*map(as_svg, drawings(runs, epoch)), *movies(directory)] if pictures else []
    sections = [
        claims_section(judged),
        *([_pictures_section(drawn)] if drawn else []),
        contrasts_section(judged),
        *grid_sections(groups),
        conditions_section(runs, epoch),
        commands_section(judged),
        *more,
        runs_section(runs, problems),
    ]
    until = [f"Runs are cut to their first {epoch} epochs."] if epoch else []
    return Report(_TITLE, [*_introduction(runs), *until], sections, problems)


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
    counted, mislabelled = without_mislabelled(runs)
    return counted, [*problems, *mislabelled]


def _introduction(runs: Sequence[RecordedRun]) -> list[str]:
    return [
        "Five published texts say where Batch Normalization (BN) should stand in a network and what it does "
        "there. This page holds each of their conclusions against recorded runs.",
        f"It rests on {provenance(runs)}.",
    ]


def _pictures_section(pictures: Sequence[Picture]) -> Section:
    said = "Published recipe, but where a title names another. The tables below hold the numbers."
    return Section("pictures", "Pictures", [said], (), pictures)
