"""Reads damaged runs in every form of the report: no traceback, no wrong number, no file lost."""

import contextlib
import io
import json
import random
import shutil
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

import report
from fuzz_runs import Record, damaged

import bnjax.report
from bnjax.records import FILE_NAME
from bnjax.report.page.build import folder_report
from bnjax.report.page.html_page import as_html
from bnjax.report.page.plain import as_csv, as_markdown
from bnjax.report.page.results import keep
from bnjax.report.runs.faults import config_of_record
from bnjax.report.runs.frame import LeftOut
from bnjax.report.runs.kept import SUFFIX, read_kept
from bnjax.report.runs.recorded import load_sound_runs
from bnjax.schema import RunRecord
from bnjax.settings.config import Config
from bnjax.settings.finetuning import freezing
from bnjax.settings.identity import identity

_KEPT = Path(__file__).parent / "results"
#: Damaged runs in one folder, beside as many sound ones as are told here.
_IN_A_FOLDER, _SOUND = 60, 12
#: Of each network so many runs are damaged, those with the smallest files.
_OF_A_NETWORK = 40
#: Of so many folders one is reported with its pictures.
_PICTURES_EVERY = 40
#: What an epoch says that reports count.
_COUNTED = ("epoch", "status", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "dying")


class WrongReportError(Exception):
    """What a report did with damaged records that it must not."""


def sample_runs() -> list[list[Record]]:
    """Runs that the repository keeps, as JSON says them: the smaller ones, of every network."""
    of_model: dict[str, list[list[Record]]] = {}
    kept = (lines for path in sorted(_KEPT.glob(f"*{SUFFIX}")) for _, lines in read_kept(path))
    for lines in sorted(kept, key=len):
        run = [json.loads(line) for line in lines.splitlines()]
        of_model.setdefault(run[0]["config"]["model"], []).append(run)
    return [run for runs in of_model.values() for run in runs[:_OF_A_NETWORK]]


def fuzz_reports(cases: int, scratch: Path, seed: int = 0) -> int:
    """Damages runs and reports them; returns how many were damaged.

    Args:
      cases: how many runs are damaged, at least.
      scratch: an empty folder.
      seed: decides which, and how.

    Raises:
      WrongReportError: names the file, which is left there.
    """
    choose, samples, tried, folders = random.Random(seed), sample_runs(), 0, 0
    while tried < cases:
        folder = scratch / f"runs-{folders}"
        runs = choose.sample(samples, min(len(samples), _IN_A_FOLDER + _SOUND))
        sound, spoiled = runs[:_SOUND], runs[_SOUND:][: cases - tried]
        originals = {write(folder / "sound", run, as_written(run)): run for run in sound}
        for run in spoiled:
            other = choose.choice(runs[:_SOUND] + spoiled)
            path = write(folder / "damaged", run, damaged(run, other, choose))
            check_run(path, run)
        check_forms(folder, originals, scratch, pictures=folders % _PICTURES_EVERY == 0)
        shutil.rmtree(folder)
        tried, folders = tried + len(spoiled), folders + 1
    return tried


def as_written(run: list[Record]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in run).encode()


def write(folder: Path, run: list[Record], content: bytes) -> Path:
    path = folder / run[0]["run_id"] / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def check_run(path: Path, original: list[Record]) -> None:
    """A damaged run is left out and named, or it is as it was, or as it was up to some epoch."""
    runs, problems = load_sound_runs(path.parent)
    if any(len(problem.splitlines()) != 1 or str(path) not in problem for problem in problems):
        raise WrongReportError(f"{path}: {problems!r}")
    if not runs:
        if not problems:
            raise WrongReportError(f"{path}: left out and not named")
        return
    [run] = runs
    frozen = untrained(config_of_record(cast(RunRecord, original[0])))
    expected = [counted(record, frozen) for record in original if record["kind"] == "epoch"]
    found = [counted(record) for record in run.epochs]
    known = any("active" in site for epoch in run.epochs for site in epoch["dying"].values())
    if not known:  # as in the records of the first version
        expected = [[*others, {s: [*c[:-1], None] for s, c in sites.items()}] for *others, sites in expected]
    if found != expected[: len(found)]:
        raise WrongReportError(f"{path}: other numbers than were recorded")
    if run.summary and len(found) < len(expected):
        raise WrongReportError(f"{path}: an ended run lacks epochs")
    if identity(run.config) != settings(original[0]):
        raise WrongReportError(f"{path}: other settings than were recorded")


def untrained(config: Config) -> set[str]:
    """Sites whose kernels are frozen, or of which norms alone or nothing is trained."""
    if config.trained != "unfrozen":
        return {site.name for site in config.sites}
    return set(freezing(config).kernels)


def counted(epoch: Mapping[str, Any], frozen: Collection[str] = frozenset()) -> list[Any]:
    """The numbers of an epoch; no unit is flat that is not trained, though earlier versions counted it."""
    sites = {
        site: [
            None if name == "flat" and site in frozen else counts.get(name)
            for name in ("silent", "flat", "units", "active")
        ]
        for site, counts in epoch["dying"].items()
    }
    return [*(epoch[name] for name in _COUNTED[:-1]), sites]


def settings(run: Record) -> dict[str, Any]:
    return identity(config_of_record(cast(RunRecord, run)))


def check_forms(folder: Path, sound: dict[Path, list[Record]], scratch: Path, pictures: bool) -> None:
    """Every form is made, has the sound runs' own numbers, and leaves all files as they were."""
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeftOut)
        check_frame(bnjax.report.load(folder), sound)
    page = folder_report(folder, pictures=False)
    for form in (as_html, as_markdown, as_csv):
        form(page)
    printed(folder)
    out = scratch / "page.html"
    if pictures:
        out.write_text("old", encoding="utf-8")
        printed(folder, f"--out={out}")
        if not out.read_text(encoding="utf-8").endswith("</html>\n"):
            raise WrongReportError(f"{folder}: the page is no page")
    kept = set(keep(folder, scratch / "kept"))
    shutil.rmtree(scratch / "kept", ignore_errors=True)
    if lacking := {run[0]["run_id"] for run in sound.values()} - kept:
        raise WrongReportError(f"{folder}: {lacking} were not kept")
    if before != {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}:
        raise WrongReportError(f"{folder}: a file was changed")


def printed(folder: Path, *flags: str) -> None:
    told = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
        code = report.main(["report.py", str(folder), *flags])
    if code:
        raise WrongReportError(f"{folder}: report.py ends with {code}: {told.getvalue()}")


def check_frame(frame: Any, sound: dict[Path, list[Record]]) -> None:
    of_run = dict(iter(frame.groupby("run_id")))
    for path, run in sound.items():
        epochs = [record for record in run if record["kind"] == "epoch"]
        rows = of_run[run[0]["run_id"]]
        for name in _COUNTED[:-1]:
            if rows[name].tolist() != [epoch[name] for epoch in epochs]:
                raise WrongReportError(f"{path}: {name} is not what was recorded")
